package regrid

import "errors"

var (
	// ErrGrid says that a file's grid is not a global regular longitude/latitude grid.
	ErrGrid = errors.New("not a global regular lon/lat grid")
	// ErrNoVariable says that a file holds no variable on a longitude/latitude grid.
	ErrNoVariable = errors.New("no variable on a lon/lat grid")
	// ErrOptions says that options contradict each other or the HEALPix grid.
	ErrOptions = errors.New("bad regrid option")
	// ErrUnsupported says that a file is legal but has something that regridding does not handle.
	ErrUnsupported = errors.New("unsupported")
)
