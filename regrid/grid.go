package regrid

import (
	"fmt"
	"math"
)

// Grid is a global regular longitude/latitude grid: every row has the same longitudes. Rows may run
// south or north and need not be evenly spaced (Gaussian grids); longitudes ascend, start anywhere and go
// once round. In degrees.
type Grid struct {
	Lat []float64 // rows, strictly monotonic, in [-90, 90]
	Lon []float64 // columns, strictly ascending, less than 360 in all
}

// Check says what keeps a grid from being used: ErrGrid.
func (g Grid) Check() error {
	ny, nx := len(g.Lat), len(g.Lon)
	if ny < 2 || nx < 2 {
		return fmt.Errorf("%w: %d latitudes by %d longitudes, want at least 2 of each", ErrGrid, ny, nx)
	}
	if ny > math.MaxInt32 || nx > math.MaxInt32 {
		return fmt.Errorf("%w: %d latitudes by %d longitudes are too many", ErrGrid, ny, nx)
	}
	up := g.Lat[1] > g.Lat[0]
	for j, y := range g.Lat {
		if !(math.Abs(y) <= 90+1e-6) {
			return fmt.Errorf("%w: latitude %v at row %d", ErrGrid, y, j)
		}
		if j > 0 && (y == g.Lat[j-1] || (y > g.Lat[j-1]) != up) {
			return fmt.Errorf("%w: latitudes do not run one way: %v follows %v", ErrGrid, y, g.Lat[j-1])
		}
	}
	step := 360 / float64(nx)
	for i, x := range g.Lon {
		if math.IsNaN(x) || math.Abs(x) > 720 {
			return fmt.Errorf("%w: longitude %v at column %d", ErrGrid, x, i)
		}
		if i == 0 {
			continue
		}
		switch d := x - g.Lon[i-1]; {
		case d <= 0:
			return fmt.Errorf("%w: longitudes do not ascend: %v follows %v", ErrGrid, x, g.Lon[i-1])
		case math.Abs(d-step) > 0.1*step:
			return fmt.Errorf("%w: longitudes are not regular and global: a step of %v, where %d columns round the globe are %v apart",
				ErrGrid, d, nx, step)
		}
	}
	if gap := g.Lon[0] + 360 - g.Lon[nx-1]; math.Abs(gap-step) > 0.1*step {
		return fmt.Errorf("%w: not global: longitudes %v to %v", ErrGrid, g.Lon[0], g.Lon[nx-1])
	}
	// A grid may stop short of the poles by as much as its rows are apart; less is not global.
	for _, e := range [2][2]float64{{g.Lat[0], g.Lat[1]}, {g.Lat[ny-1], g.Lat[ny-2]}} {
		if miss, row := 90-math.Abs(e[0]), math.Abs(e[1]-e[0]); miss > row*1.0001+1e-6 {
			return fmt.Errorf("%w: not global: latitudes %v to %v", ErrGrid, g.Lat[0], g.Lat[ny-1])
		}
	}
	if (g.Lat[0] > 0) == (g.Lat[ny-1] > 0) {
		return fmt.Errorf("%w: not global: latitudes %v to %v", ErrGrid, g.Lat[0], g.Lat[ny-1])
	}
	return nil
}
