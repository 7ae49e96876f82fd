package cli

import (
	"context"
	"math"

	"healpipe/config"
	"healpipe/netcdf"
)

// need is what a task takes while it runs, in bytes. It is estimated from the header of its input, a little above
// what was measured (docs/operations.md); zero is unknown.
type need struct {
	memory int64
	output int64 // on the file system of the result
	temp   int64 // in the folder for temporary files
}

func (n need) plus(m need) need {
	return need{n.memory + m.memory, n.output + m.output, n.temp + m.temp}
}

// headerOf opens a file and calls fn with its header. What is wrong with the file is left to the job, which says it
// better: fn is then not called.
func (s *site) headerOf(ctx context.Context, path, profile string, fn func(f *netcdf.File, size int64)) {
	if s.room == nil {
		return
	}
	st, key, err := s.opener.File(path, profile)
	if err != nil {
		return
	}
	r, err := st.Open(ctx, key)
	if err != nil {
		return
	}
	defer r.Close()
	f, err := netcdf.Open(r, r.Info().Size, nil)
	if err != nil {
		return
	}
	defer f.Close()
	fn(f, r.Info().Size)
}

// Figures of package regrid's plan for a file.
const (
	bandBytes    = 32 << 20  // small chunks are put together up to this
	resultBytes  = 512 << 20 // results that wait for the end of a segment, at most
	resultOfCell = 16        // bytes of a cell and field while its mean is made
	lanes        = 8         // fields at a time
)

// regridNeed is the need of regridding a file to this number of cells with Regridder.Memory: a row of chunks, decoded,
// twice where that fits, its stored bytes, and the results of as many times as a chunk holds. It is computed in
// float64, since a header may say anything.
func regridNeed(f *netcdf.File, size, cells, memory int64) need {
	var largest, results, decoded, output float64
	for _, v := range f.Root().Vars {
		d := len(v.Shape)
		if d < 2 || v.Type == nil || !v.Type.Kind.Numeric() || v.Type.Kind == netcdf.Char {
			continue
		}
		fields, levels, inChunk, steps := 1.0, 1.0, 1.0, 1.0 // steps: times that are written together
		for i, n := range v.Shape[:d-2] {
			fields *= float64(n)
			if v.ChunkShape != nil {
				inChunk *= float64(min(v.ChunkShape[i], n))
			}
		}
		if d > 3 {
			levels = float64(max(v.Shape[d-3], 1))
		}
		if v.ChunkShape != nil && d > 2 {
			steps = float64(min(v.ChunkShape[0], v.Shape[0]))
		}
		steps = max(steps, min(lanes/levels, fields/levels), 1)
		ny, nx := float64(v.Shape[d-2]), float64(v.Shape[d-1])
		row := nx // cells that are decoded together; of other layouts a row of the grid
		if c := v.ChunkShape; c != nil {
			row = float64(c[d-2]) * float64(c[d-1]) * math.Ceil(nx/float64(max(c[d-1], 1)))
		}
		row *= float64(v.Type.Size)
		largest = max(largest, row*inChunk, min(bandBytes, row*min(fields, lanes)))
		decoded += fields * ny * nx * float64(v.Type.Size)
		one := levels * float64(cells) * resultOfCell
		results += max(one, min(steps*one, resultBytes))
		width := 4.0
		if v.Type.Kind == netcdf.Double {
			width = 8
		}
		output += fields * float64(cells) * width
	}
	total := largest + results
	if 3*largest <= float64(memory) {
		total += largest
	}
	if decoded > 0 {
		total += largest * min(1, float64(size)/decoded)
	}
	return need{memory: bytesOf(total), output: bytesOf(output)}
}

// bytesOf keeps an estimate in the range of int64, with room to add some.
func bytesOf(f float64) int64 { return int64(max(0, min(f, 1<<60))) }

// curateNeed is the need of writing a file into the store: panels of up to 8 levels of a chunk's steps, one that is
// handed out and one that is loaded, and what is encoded of them.
func curateNeed(cfg *config.Config, f *netcdf.File) need {
	const panelLevels = 8
	levels := 1
	for _, v := range f.Root().Vars {
		if len(v.Shape) == 3 {
			levels = max(levels, min(v.Shape[1], panelLevels))
		}
	}
	return need{memory: bytesOf(3 * float64(cfg.TimeChunk) * float64(levels) * float64(cfg.Cells()) * 4)}
}

// storePart is the part of its values' size that a chunk of the store takes at the very least: real fields take most of it,
// fields that are mostly zeros about a tenth.
const storePart = 0.1

// storeNeed is the least room on the disk for writing a file into the store: that of its largest chunk or shard, which
// is written beside the one that it replaces. The last dimensions are those of the horizontal grid.
func storeNeed(cfg *config.Config, f *netcdf.File, horizontal int) int64 {
	var most float64
	for _, v := range f.Root().Vars {
		d := len(v.Shape) - horizontal
		if d != 1 && d != 2 || v.Type == nil || !v.Type.Kind.Numeric() {
			continue
		}
		values := float64(min(v.Shape[0], cfg.TimeChunk)) * float64(cfg.Cells())
		if d == 2 {
			values *= float64(min(v.Shape[1], cfg.Levels))
		}
		most = max(most, 4*values)
	}
	return bytesOf(most * storePart)
}

// smallNeed is the room for an index, or for the metadata of the store.
const smallNeed = 1 << 20

// needOfRegrid is that of the task regrid_file.
func (s *site) needOfRegrid(ctx context.Context, file, profile string) (n need) {
	s.headerOf(ctx, file, profile, func(f *netcdf.File, size int64) {
		n = regridNeed(f, size, int64(s.cfg.Cells()), s.regridder.Memory)
	})
	return n
}

// needOfProcess is that of the task process.
func (s *site) needOfProcess(ctx context.Context, file string) (n need) {
	s.headerOf(ctx, file, s.cfg.OutputProfile, func(f *netcdf.File, _ int64) {
		n = curateNeed(s.cfg, f)
		n.output = storeNeed(s.cfg, f, 1)
	})
	return n
}

// needOfBoth is that of the task regrid_into_store, whose regridded file is a temporary one.
func (s *site) needOfBoth(ctx context.Context, file, profile string) (n need) {
	s.headerOf(ctx, file, profile, func(f *netcdf.File, size int64) {
		n = regridNeed(f, size, int64(s.cfg.Cells()), s.regridder.Memory).plus(curateNeed(s.cfg, f))
		n.output, n.temp = storeNeed(s.cfg, f, 2), n.output
	})
	return n
}

// outputPlace is where regridded files go, and storePlace the store.
func (s *site) outputPlace() place {
	return placeOf("OUTPUT_BUCKET", s.cfg.OutputBucket, s.cfg.ZarrProfile)
}
func (s *site) storePlace() place { return placeOf("ZARR_PATH", s.cfg.ZarrPath, s.cfg.ZarrProfile) }

// placeOf is a path that a setting or flag names.
func placeOf(setting, path, profile string) place {
	if isBucket(path, profile) {
		path = ""
	}
	return place{path, "write elsewhere (" + setting + ")"}
}

// fits refuses a small piece of work whose result has no room on the disk.
func fits(what string, out place) error {
	return newRoom().disks(what, out, need{output: smallNeed})
}

// enter waits for the room that a task needs and returns the function that leaves it. what names the task's work, and
// out is where its result goes.
func (s *site) enter(ctx context.Context, what string, out place, n need) (leave func(), err error) {
	return s.room.admit(ctx, what, out, n, func() {
		s.log.logger(ctx, "healpipe.worker").InfoContext(ctx, "waits for memory that other tasks have", "memory", n.memory)
	})
}
