package zarr

import (
	"context"
	"fmt"
)

// Read fills dst, in C order, with the values of region r. T must be the array's data type and len(dst) the
// region's size. Chunks are fetched and decoded in parallel; of a shard, only the inner chunks that r meets.
func Read[T Element](ctx context.Context, a *Array, r Region, dst []T) error {
	if err := checkType[T](a); err != nil {
		return err
	}
	return a.read(ctx, r, asBytes(dst))
}

// Write stores src, in C order, as the values of region r. A chunk or shard that r covers (up to the array's
// end) is replaced; one that it covers partly is merged with what is stored, in one Store.Update.
func Write[T Element](ctx context.Context, a *Array, r Region, src []T) error {
	if err := checkType[T](a); err != nil {
		return err
	}
	if err := r.within(a.meta.shape); err != nil {
		return fmt.Errorf("zarr: %s: %w", a.name(), err)
	}
	if n, ok := product(r.Shape, 1); !ok || n != len(src) {
		return fmt.Errorf("zarr: %s: %w: %d values for region %v+%v", a.name(), ErrInvalid, len(src), r.Start, r.Shape)
	}
	values, size := asBytes(src), a.meta.dtype.Size()
	return a.write(ctx, r, feed{
		fill: func(_ context.Context, part Region, dst []byte) error {
			copyBox(dst, part.Shape, make([]int, len(part.Start)), values, r.Shape, part.at(r.Start), part.Shape, size)
			return nil
		},
		view: func(part Region) []byte {
			if off, ok := part.run(r); ok {
				return values[off*size : (off+part.Len())*size]
			}
			return nil
		},
	})
}

// Source fills dst, in C order, with the values of part, a region within the one that is written (in the
// array's index space). It is called from several goroutines at once, for disjoint parts, and again for the
// same part when another writer of a shard was faster.
type Source[T Element] func(ctx context.Context, part Region, dst []T) error

// WriteFrom is Write for values that are made piece by piece: each call of src asks for what region r has of
// one inner chunk, so memory stays at two inner chunks for each worker, whatever the size of the shard.
func WriteFrom[T Element](ctx context.Context, a *Array, r Region, src Source[T]) error {
	if err := checkType[T](a); err != nil {
		return err
	}
	return a.write(ctx, r, feed{fill: func(ctx context.Context, part Region, dst []byte) error {
		return src(ctx, part, fromBytes[T](dst))
	}})
}
