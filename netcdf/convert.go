package netcdf

import "errors"

func valueLen(v any) int                          { return 0 }
func convertSlice(dst []float64, src any) (int, error) { return 0, errors.ErrUnsupported }
