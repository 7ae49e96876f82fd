package cli

import (
	"bufio"
	"context"
	"io"
	"path"
	"time"

	"healpipe/celery"
	"healpipe/regrid"
	"healpipe/storage"
)

// register gives the jobs the names that the Python scripts send, PREFIX.regrid_file and PREFIX.process, and
// adds PREFIX.regrid_into_store, which is both of them without the file in between.
func (s *site) register(app *celery.App, prefix string) error {
	late := func(params ...string) celery.TaskOptions {
		return celery.TaskOptions{AcksLate: true, Params: params, AfterReturn: s.metrics.ended}
	}
	if _, err := app.Register(prefix+".regrid_file", func(ctx context.Context, file string) (string, error) {
		defer s.metrics.run(ctx)()
		out, err := s.regridFile(ctx, file)
		s.report(file, err)
		return out, err
	}, late("file_path")); err != nil {
		return err
	}
	if _, err := app.Register(prefix+".process", func(ctx context.Context, file string) error {
		defer s.metrics.run(ctx)()
		err := s.process(ctx, file)
		s.report(file, err)
		return err
	}, late("file")); err != nil {
		return err
	}
	_, err := app.Register(prefix+".regrid_into_store", func(ctx context.Context, path string) error {
		defer s.metrics.run(ctx)()
		err := s.regridAndProcess(ctx, path)
		s.report(path, err)
		return err
	}, late("path"))
	return err
}

// taskNames are the names that register gives.
func taskNames(prefix string) []string {
	return []string{prefix + ".regrid_file", prefix + ".process", prefix + ".regrid_into_store"}
}

func (s *site) report(file string, err error) {
	if s.observe != nil {
		s.observe(file, err)
	}
}

// regridFile is the task regrid_file: it returns the path written.
func (s *site) regridFile(ctx context.Context, file string) (string, error) {
	if err := s.cfg.Require("OUTPUT_BUCKET"); err != nil {
		return "", err
	}
	leave, err := s.enter(ctx, "regridding "+file, s.outputPlace(), s.needOfRegrid(ctx, file, s.cfg.ERA5Profile))
	if err != nil {
		return "", err
	}
	defer leave()
	out := storage.Join(s.cfg.OutputBucket, path.Base(file))
	report, err := s.regridTo(ctx, file, s.cfg.ERA5Profile, out, s.cfg.ZarrProfile)
	if err != nil {
		return "", err
	}
	s.logRegridded(ctx, file, out, report)
	return out, nil
}

func (s *site) logRegridded(ctx context.Context, in, out string, r regrid.Report) {
	s.log.logger(ctx, "healpipe.regrid").InfoContext(ctx, "regridded", "input", in, "output", out,
		"variables", r.Variables, "fields", r.Fields, "bytes", r.Size, "seconds", seconds3(r.Wall))
}

// process is the task process: it returns nothing.
func (s *site) process(ctx context.Context, file string) error {
	started := time.Now()
	st, err := s.store()
	if err != nil {
		return err
	}
	in, key, err := s.opener.File(file, s.cfg.OutputProfile)
	if err != nil {
		return err
	}
	leave, err := s.enter(ctx, "writing "+file+" into the store", s.storePlace(), s.needOfProcess(ctx, file))
	if err != nil {
		return err
	}
	defer leave()
	if err := st.Process(ctx, in, key); err != nil {
		return err
	}
	s.log.logger(ctx, "healpipe.curate").InfoContext(ctx, "written into the store", "input", file, "store", s.cfg.ZarrPath,
		"seconds", seconds3(time.Since(started)))
	return nil
}

// regridAndProcess is the task regrid_into_store.
func (s *site) regridAndProcess(ctx context.Context, file string) error {
	report, err := s.regridIntoStore(ctx, file, s.cfg.ERA5Profile)
	if err != nil {
		return err
	}
	s.logRegridded(ctx, file, s.cfg.ZarrPath, report)
	return nil
}

// regridIntoStore is regridFile and process without the file in between.
func (s *site) regridIntoStore(ctx context.Context, file, profile string) (report regrid.Report, err error) {
	store, err := s.store()
	if err != nil {
		return report, err
	}
	leave, err := s.enter(ctx, "regridding "+file+" into the store", s.storePlace(), s.needOfBoth(ctx, file, profile))
	if err != nil {
		return report, err
	}
	defer leave()
	st, key, err := s.opener.File(file, profile)
	if err != nil {
		return report, err
	}
	in, err := st.Open(ctx, key)
	if err != nil {
		return report, err
	}
	defer in.Close()
	err = store.ProcessStream(ctx, file, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<20)
		report, err = s.regridder.File(ctx, regrid.Input{R: in, Size: in.Info().Size, Name: file}, buffered)
		if err != nil {
			return err
		}
		return buffered.Flush()
	})
	return report, err
}

// watchStorage counts what the storages move and logs what disturbs them.
func (s *site) watchStorage() *storage.Monitor {
	s.opener.Monitor = &storage.Monitor{Disturbed: func(ctx context.Context, request string, err error) {
		s.log.logger(ctx, "healpipe.storage").WarnContext(ctx, "request failed and is made again", "request", request, "error", err.Error())
	}}
	return s.opener.Monitor
}

// seconds3 is a duration in seconds, to the millisecond.
func seconds3(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
