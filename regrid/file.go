package regrid

import (
	"context"
	"fmt"
	"io"
	"time"

	"healpipe/netcdf"
	"healpipe/regrid/healpix"
)

// DefaultMemory is the limit on decoded chunks where Regridder.Memory is zero: 96 MiB. A single chunk, or
// row of chunks, that needs more is still read.
const DefaultMemory = 96 << 20

// Regridder turns lon/lat files into HEALPix files. The zero value works, with the pipeline's target. It
// keeps the operators that it has built and is shared by all tasks of a worker; it must not be copied or
// changed after first use.
type Regridder struct {
	Target Target
	// Budget bounds the goroutines that compute; nil means one per core for this Regridder.
	Budget *Budget
	// Memory is how many bytes of decoded chunks one file may keep so that reading and inflating go on
	// while the operator is applied; 0 means DefaultMemory.
	Memory int64
	// Program names the program and its version in the result's global attributes; "" means "healpipe".
	Program string
	// Now is the clock of the history attribute; nil means time.Now.
	Now func() time.Time

	cache cache
	piece int // tests: pieceBytes
}

// Input is a file to be read: netCDF of any format.
type Input struct {
	R    io.ReaderAt // for concurrent use
	Size int64
	Name string // for errors and the history attribute
}

// Report says what was done for one file. The durations of the stages are summed over goroutines.
type Report struct {
	Variables []string
	Fields    int   // lon/lat fields: hours by levels by variables
	Size      int64 // bytes written
	Wall      time.Duration
	Read      time.Duration // from storage
	Decode    time.Duration // inflating
	Unpack    time.Duration // undoing the shuffle, byte order, interleaving, where that is a step of its own
	Apply     time.Duration // the operator; for shuffled float32 with Unpack's work, which is done row by row with it
	Write     time.Duration // encoding and writing the result
}

// File regrids one file and writes the result to w as CDO does: 64-bit offset classic netCDF. Something is
// written to w before an error is known; the caller throws it away.
//
// Errors name the input and wrap ErrGrid, ErrNoVariable, ErrUnsupported or an error of package netcdf.
func (r *Regridder) File(ctx context.Context, in Input, w io.Writer) (Report, error) {
	start := time.Now()
	rep, err := r.file(ctx, in, w)
	rep.Wall = time.Since(start)
	if err != nil {
		return rep, fmt.Errorf("regrid: %s: %w", in.Name, err)
	}
	return rep, nil
}

func (r *Regridder) file(ctx context.Context, in Input, w io.Writer) (Report, error) {
	target, err := r.Target.withDefaults()
	if err != nil {
		return Report{}, err
	}
	nc, err := netcdf.Open(in.R, in.Size, nil)
	if err != nil {
		return Report{}, err
	}
	defer nc.Close()
	p, err := newPlan(ctx, nc)
	if err != nil {
		return Report{}, err
	}
	cells := healpix.Cells(target.Nside)
	program := r.Program
	if program == "" {
		program = "healpipe"
	}
	now := time.Now
	if r.Now != nil {
		now = r.Now
	}
	history := fmt.Sprintf("%s: %s: bilinear to HEALPix nside %d, mean to nside %d, of %s",
		now().UTC().Format("Mon Jan 02 15:04:05 2006"), program, target.Intermediate, target.Nside, in.Name)
	schema, err := p.schema(target, cells, program, history)
	if err != nil {
		return Report{}, err
	}
	counted := &counter{w: w}
	out, err := netcdf.Create(counted, netcdf.CDF2, schema)
	if err != nil {
		return Report{}, err
	}
	s := &stream{
		p: p, cells: cells, budget: r.budget(), memory: r.Memory,
		operator: func() (*Operator, error) { return r.cache.operator(p.grid, target) },
		sink:     &fileSink{p: p, w: out, cells: cells},
	}
	if s.memory == 0 {
		s.memory = DefaultMemory
	}
	if s.piece = r.piece; s.piece == 0 {
		s.piece = pieceBytes
	}
	err = s.sink.(*fileSink).begin(ctx)
	if err == nil {
		err = s.run(ctx)
	}
	if err == nil {
		err = out.Close()
	}
	rep := Report{
		Size:   counted.n,
		Read:   time.Duration(s.times.read.Load()),
		Decode: time.Duration(s.times.decode.Load()),
		Unpack: time.Duration(s.times.unpack.Load()),
		Apply:  time.Duration(s.times.apply.Load()),
		Write:  time.Duration(s.times.write.Load()),
	}
	for _, f := range p.vars {
		rep.Variables = append(rep.Variables, f.v.Name)
		rep.Fields += f.steps() * f.levels()
	}
	return rep, err
}

// counter counts the bytes that pass.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// budget returns the shared Budget, or this Regridder's own.
func (r *Regridder) budget() *Budget {
	if r.Budget != nil {
		return r.Budget
	}
	r.cache.once.Do(func() { r.cache.budget = NewBudget(0) })
	return r.cache.budget
}

// fileSink writes results to a classic file.
type fileSink struct {
	p     *plan
	w     *netcdf.Writer
	cells int
	times any // values of the time coordinate, in the type of the result
}

// begin writes what does not depend on the fields: the grid mapping and the levels.
func (s *fileSink) begin(ctx context.Context) error {
	if err := s.w.Write(gridMapping, []int32{0}); err != nil {
		return err
	}
	for _, z := range s.p.z {
		if z.coord == nil {
			continue
		}
		values, err := coordinate(ctx, z.coord)
		if err != nil {
			return err
		}
		if err := s.w.Write(z.dim.Name, values); err != nil {
			return err
		}
	}
	if s.p.time == nil {
		return nil
	}
	var err error
	s.times, err = coordinate(ctx, s.p.time)
	return err
}

// coordinate reads a coordinate variable in the type that coordKind gives it.
func coordinate(ctx context.Context, v *netcdf.Var) (any, error) {
	switch coordKind(v) {
	case netcdf.Int:
		return netcdf.ReadAll[int32](ctx, v)
	case netcdf.Float:
		return netcdf.ReadAll[float32](ctx, v)
	}
	return netcdf.ReadAll[float64](ctx, v)
}

func (s *fileSink) put(t0, steps int, out []values) error {
	write := func(i, step int) error {
		f := s.p.vars[i]
		n := f.levels() * s.cells
		if f.double {
			return s.w.Write(f.v.Name, out[i].f64[step*n:(step+1)*n])
		}
		return s.w.Write(f.v.Name, out[i].f32[step*n:(step+1)*n])
	}
	if steps == 0 {
		for i, f := range s.p.vars {
			if !f.time {
				if err := write(i, 0); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for step := range steps {
		if err := s.putTime(t0 + step); err != nil {
			return err
		}
		for i, f := range s.p.vars {
			if f.time {
				if err := write(i, step); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *fileSink) putTime(t int) error {
	var value any
	switch v := s.times.(type) {
	case nil:
		return nil
	case []int32:
		value = v[t : t+1]
	case []float32:
		value = v[t : t+1]
	case []float64:
		value = v[t : t+1]
	}
	return s.w.Write(s.p.tdim.Name, value)
}
