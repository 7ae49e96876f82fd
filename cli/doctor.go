package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
	"healpipe/config"
	"healpipe/storage"
)

func (p *program) doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "show the settings with their origins and look for mistakes before a long run",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "concurrency", Aliases: []string{"c"}, Usage: "tasks at a time that there must be room for (default: the number of CPUs)"},
			&cli.Float64Flag{Name: "timeout", Aliases: []string{"t"}, Value: 10, Usage: "seconds to wait for each broker and storage"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("doctor takes no arguments, got %q", c.Args().First())
			}
			timeout := seconds(c.Float64("timeout"))
			if timeout <= 0 {
				return usagef("--timeout: %v seconds are too few", c.Float64("timeout"))
			}
			ctx, stop := interruptible(c.Context)
			defer stop()
			cfg, loadErr := p.settings(c)
			if cfg == nil {
				return loadErr
			}
			conf, err := celeryConfig(cfg, appName(c))
			loadErr = allFaults(loadErr, err)
			cfg.Notes = append(cfg.Notes, misspelt(cfg)...)
			probe := newSite(cfg).probe(timeout, conf)
			probe.Concurrency = c.Int("concurrency")
			if probe.Concurrency < 1 {
				probe.Concurrency = runtime.GOMAXPROCS(0)
			}
			findings := config.Check(ctx, cfg, loadErr, probe)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			printSettings(p.stdout, cfg, conf)
			if printFindings(p.stdout, findings) > 0 {
				return silentError{exitFailed}
			}
			return nil
		},
	}
}

// allFaults joins the faults of the settings and of Celery's.
func allFaults(settings, celery error) error {
	faults, ok := celery.(config.Faults)
	if !ok {
		return settings
	}
	if first, ok := settings.(config.Faults); ok {
		return slices.Concat(first, faults)
	}
	if settings != nil {
		faults = append(config.Faults{{Msg: settings.Error(), Err: settings}}, faults...)
	}
	return faults
}

// printSettings prints a line for each setting: name, value with passwords as stars, origin. Celery's come behind.
func printSettings(w io.Writer, cfg *config.Config, conf celery.Config) {
	settings := config.Settings()
	rows, widest := make([][3]string, len(settings)), 0
	for i, s := range settings {
		rows[i] = [3]string{s.Name, orElse(cfg.Show(s.Name), "(empty)"), cfg.Origin(s.Name).String()}
		widest = max(widest, len(rows[i][1]))
	}
	for _, r := range rows {
		fmt.Fprintf(w, "%-15s %-*s  %s\n", r[0], min(widest, 60), r[1], r[2])
	}
	fmt.Fprintf(w, "%-15s %s\n", "rclone.conf", orElse(cfg.RcloneFile, "(none)"))
	for _, s := range shownCelery(cfg, conf) {
		fmt.Fprintf(w, "%-*s  %s\n", 16+min(widest, 60), s[0]+" "+s[1], s[2])
	}
	fmt.Fprintln(w)
}

// printFindings prints each finding, its mend below it, then how many there are; it returns the number of errors.
func printFindings(w io.Writer, findings []config.Finding) (errors int) {
	var count [config.Error + 1]int
	for _, f := range findings {
		count[f.Severity]++
		mend := f.Mend
		f.Mend = ""
		fmt.Fprintln(w, f)
		if mend != "" {
			fmt.Fprintf(w, "    mend: %s\n", mend)
		}
	}
	if len(findings) == 0 {
		fmt.Fprintln(w, "nothing is wrong")
		return 0
	}
	fmt.Fprintf(w, "\n%s, %s, %s\n", plural(count[config.Error], "error"), plural(count[config.Warning], "warning"), plural(count[config.Note], "note"))
	return count[config.Error]
}

// probe reaches brokers and storages as the worker would, each within timeout.
func (s *site) probe(timeout time.Duration, conf celery.Config) config.Probe {
	// A refused connection is to be told of, not tried again until the time is over.
	s.opener = storage.NewOpener(func(name string) (storage.S3Options, error) {
		o, err := s3Options(s.cfg, name)
		o.Patience = timeout / 4
		return o, err
	})
	p := config.SystemProbe()
	p.Memory = memoryOf
	p.Broker = func(ctx context.Context, url string) (config.BrokerState, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return probeBroker(ctx, url, conf)
	}
	p.List = func(ctx context.Context, path, profile string) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return s.probeList(ctx, path, profile)
	}
	p.Write = func(ctx context.Context, path, profile string) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return s.probeWrite(ctx, path, profile)
	}
	return p
}
