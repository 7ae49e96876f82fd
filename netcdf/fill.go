package netcdf

import (
	"encoding/binary"
	"fmt"
)

// defaultFill returns netCDF's default fill value of a kind, as a slice of one value (a string for Char).
func defaultFill(k Kind) any {
	const fill = 9.9692099683868690e+36
	switch k {
	case Byte:
		return []int8{-127}
	case Char:
		return "\x00"
	case Short:
		return []int16{-32767}
	case Int:
		return []int32{-2147483647}
	case Float:
		return []float32{fill}
	case Double:
		return []float64{fill}
	case UByte:
		return []uint8{255}
	case UShort:
		return []uint16{65535}
	case UInt:
		return []uint32{4294967295}
	case Int64:
		return []int64{-9223372036854775806}
	case UInt64:
		return []uint64{18446744073709551614}
	}
	return nil
}

// encode appends a string or a slice of numbers in big-endian order.
func encode(dst []byte, values any) ([]byte, error) {
	if s, ok := values.(string); ok {
		return append(dst, s...), nil
	}
	dst, err := binary.Append(dst, binary.BigEndian, values)
	if err != nil {
		return nil, fmt.Errorf("%T: %w", values, ErrUnsupported)
	}
	return dst, nil
}
