package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"healpipe/netcdf"
	"healpipe/regrid"
)

// stages runs one file in this process on one core and says where the time went.
func stages(in string) (string, error) {
	f, err := os.Open(in)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	r := regrid.Regridder{Budget: regrid.NewBudget(1), Memory: 1} // one band at a time: no stage waits for another
	rep, err := r.File(context.Background(), regrid.Input{R: f, Size: info.Size(), Name: in}, io.Discard)
	if err != nil {
		return "", err
	}
	ms := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	return fmt.Sprintf("read %s, inflate %s, unshuffle and apply %s, write %s, of %s", ms(rep.Read), ms(rep.Decode), ms(rep.Unpack+rep.Apply), ms(rep.Write), ms(rep.Wall)), nil
}

// compare says how far a variable of two results agrees.
func compare(ours, theirs, name string) (string, error) {
	var data [2][]float32
	for i, path := range []string{ours, theirs} {
		f, err := netcdf.OpenFile(path, nil)
		if err != nil {
			return "", err
		}
		defer f.Close()
		v, err := f.Var(name)
		if err != nil {
			return "", err
		}
		if data[i], err = netcdf.ReadAll[float32](context.Background(), v); err != nil {
			return "", err
		}
	}
	if len(data[0]) != len(data[1]) {
		return "", fmt.Errorf("%d values, CDO has %d", len(data[0]), len(data[1]))
	}
	differ, ulp, missing := 0, uint32(0), 0
	const fill = 9.999e20
	for i, a := range data[0] {
		b := data[1][i]
		switch {
		case (a == fill) != (b == fill):
			missing++
		case a != b:
			differ++
			x, y := math.Float32bits(a), math.Float32bits(b)
			ulp = max(ulp, max(x, y)-min(x, y))
		}
	}
	return fmt.Sprintf("%d values, %.4f %% equal bit for bit with CDO, the others off by at most %d ulp; %d cells missing on one side only",
		len(data[0]), 100-100*float64(differ)/float64(len(data[0])), ulp, missing), nil
}
