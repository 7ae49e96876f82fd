package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"healpipe/config"
	"healpipe/regrid"
	"healpipe/regrid/healpix"
	"healpipe/storage"
)

func (p *program) regridCommand() *cli.Command {
	return &cli.Command{
		Name:      "regrid",
		Usage:     "regrid files to HEALPix, without a broker",
		ArgsUsage: "IN...",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "the file to write, or the folder (an existing one, or with a slash at its end)"},
			&cli.BoolFlag{Name: "into-store", Usage: "write into the store at ZARR_PATH, without a file in between"},
			&cli.StringFlag{Name: "into", Usage: "write into this store, without a file in between"},
			statisticsFlag(),
			&cli.StringFlag{Name: "profile", Usage: "rclone profile that reaches IN"},
			&cli.StringFlag{Name: "output-profile", Usage: "rclone profile that reaches the output"},
			&cli.IntFlag{Name: "nside", Usage: "HEALPix nside of the result (default: 2^OUTPUT_LEVEL)"},
			&cli.IntFlag{Name: "intermediate-nside", Usage: "nside of the interpolation, whose cells are averaged (default: max(256, nside))"},
			&cli.StringFlag{Name: "order", Usage: "nested or ring", Value: "nested"},
			&cli.BoolFlag{Name: "profile-stages", Usage: "print how long each stage took"},
		},
		Action: p.regrid,
	}
}

func (p *program) regrid(c *cli.Context) error {
	direct := c.Bool("into-store") || c.String("into") != ""
	if !c.Args().Present() || c.String("output") == "" && !direct {
		return usagef("regrid needs the files to read and where to write: healpipe regrid IN... -o OUT, or --into-store")
	}
	if direct && (c.String("output") != "" || c.String("order") == "ring") {
		return usagef("regrid --into-store takes no -o, and the store's cells are nested")
	}
	cfg, err := p.settings(c)
	if err != nil {
		return err
	}
	if path := c.String("into"); path != "" {
		cfg.ZarrPath = path
	}
	if direct && c.Bool("statistics") {
		statisticsBeside(cfg)
	}
	s := newSite(cfg)
	s.room = newRoom()
	if s.regridder.Target, err = target(c, cfg); err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context)
	defer stop()
	out := c.String("output")
	folder := c.NArg() > 1 || strings.HasSuffix(out, "/")
	if fi, err := os.Stat(out); err == nil && fi.IsDir() {
		folder = true
	}
	var failed []error
	for _, in := range c.Args().Slice() {
		var report regrid.Report
		var err error
		to := out
		if direct {
			to = in + " into " + cfg.ZarrPath
			report, err = s.regridIntoStore(ctx, in, c.String("profile"))
		} else {
			if folder {
				to = storage.Join(out, path.Base(in))
			}
			profile, toProfile := c.String("profile"), c.String("output-profile")
			var leave func()
			if leave, err = s.enter(ctx, "regridding "+in, placeOf("-o", path.Dir(to), toProfile), s.needOfRegrid(ctx, in, profile)); err == nil {
				report, err = s.regridTo(ctx, in, profile, to, toProfile)
				leave()
			}
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if !c.Bool("quiet") {
			fmt.Fprintf(p.stderr, "%s: %s, %s, %s\n", to, strings.Join(report.Variables, " "), plural(report.Fields, "field"), report.Wall.Round(time.Millisecond))
		}
		if c.Bool("profile-stages") {
			fmt.Fprintf(p.stderr, "read %v, inflate %v, unpack %v, apply %v, write %v\n", report.Read.Round(time.Millisecond), report.Decode.Round(time.Millisecond),
				report.Unpack.Round(time.Millisecond), report.Apply.Round(time.Millisecond), report.Write.Round(time.Millisecond))
		}
	}
	return errors.Join(failed...)
}

// target is the grid that the flags and OUTPUT_LEVEL ask for.
func target(c *cli.Context, cfg *config.Config) (regrid.Target, error) {
	t := regrid.Target{Nside: cfg.NSide(), Intermediate: c.Int("intermediate-nside")}
	if c.IsSet("nside") {
		t.Nside = c.Int("nside")
	}
	switch order := c.String("order"); order {
	case "nested":
	case "ring":
		t.Order = healpix.Ring
	default:
		return t, usagef("--order: %q is neither nested nor ring", order)
	}
	return t, nil
}

// regridTo regrids one file to a path.
func (s *site) regridTo(ctx context.Context, in, inProfile, out, outProfile string) (regrid.Report, error) {
	from, key, err := s.opener.File(in, inProfile)
	if err != nil {
		return regrid.Report{}, err
	}
	to, name, err := s.opener.File(out, outProfile)
	if err != nil {
		return regrid.Report{}, err
	}
	return regrid.Job{Regridder: s.regridder, In: from, Out: to}.RunTo(ctx, key, name)
}
