// Command healpipe is a drop-in Celery worker, and the tools around it, for the ERA5 -> HEALPix -> Zarr
// pipeline. See README.md.
package main

import (
	"context"
	"os"

	"healpipe/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args, os.Stdout, os.Stderr))
}
