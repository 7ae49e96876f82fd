package cli

import (
	"context"
	"os"
	"sync"

	"healpipe/config"
	"healpipe/curate"
	"healpipe/index"
	"healpipe/regrid"
	"healpipe/storage"
)

// site is what the settings point at: the storages and the jobs on them.
type site struct {
	cfg       *config.Config
	opener    *storage.Opener
	regridder *regrid.Regridder

	// observe is told of each task that has run; nil is nobody.
	observe func(file string, err error)
	metrics *metrics // nil: none are kept
	log     *workLog // of the worker that runs the tasks
	room    *room    // what its tasks have together; nil: no limits

	gridMapping bool // init makes the store's grid mapping too

	storeOnce sync.Once
	curated   *curate.Store
	storeErr  error
}

// newSite also puts the variables of .env into the environment, as load_dotenv in config.py would: profiles
// with env_auth take their AWS_* variables from there.
func newSite(cfg *config.Config) *site {
	for name, value := range cfg.DotEnv {
		if _, set := os.LookupEnv(name); !set {
			os.Setenv(name, value)
		}
	}
	return &site{
		cfg:       cfg,
		log:       &workLog{},
		opener:    storage.NewOpener(func(name string) (storage.S3Options, error) { return s3Options(cfg, name) }),
		regridder: &regrid.Regridder{Target: regrid.Target{Nside: cfg.NSide()}, Budget: regrid.NewBudget(0), Program: "healpipe " + version},
	}
}

// output opens the folder of the regridded files. Like the Python workflow, ZARR_PROFILE writes there and
// OUTPUT_PROFILE lists it.
func (s *site) output(profile string) (storage.Storage, error) {
	if err := s.cfg.Require("OUTPUT_BUCKET"); err != nil {
		return nil, err
	}
	return s.opener.Root(s.cfg.OutputBucket, profile)
}

// inputs opens ERA5_ROOTS: a local folder is listed by itself, a bucket's prefix with all below it.
func (s *site) inputs() ([]index.Root, error) {
	if err := s.cfg.Require("ERA5_ROOTS"); err != nil {
		return nil, err
	}
	var roots []index.Root
	for _, path := range s.cfg.ERA5Roots {
		st, err := s.opener.Root(path, s.cfg.ERA5Profile)
		if err != nil {
			return nil, err
		}
		roots = append(roots, index.Root{Path: path, Storage: st, Tree: isBucket(path, s.cfg.ERA5Profile)})
	}
	return roots, nil
}

// updateIndex makes the index of the regridded files.
func (s *site) updateIndex(ctx context.Context) (index.Result, error) {
	st, err := s.output(s.cfg.OutputProfile)
	if err != nil {
		return index.Result{}, err
	}
	return index.Update(ctx, index.Root{Path: s.cfg.OutputBucket, Storage: st})
}
