package cli

import (
	"fmt"
	"net/url"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"healpipe/celery"
	"healpipe/config"
)

func (p *program) reportCommand() *cli.Command {
	return &cli.Command{
		Name:   "report",
		Usage:  "versions and settings, for bug reports; passwords are masked",
		Action: p.report,
	}
}

// report prints the blocks of Celery's report with what a Go program has to tell: no billiard, no driver.
func (p *program) report(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	cfg, err := p.settings(c)
	if err != nil {
		return err
	}
	conf, err := celeryConfig(cfg, appName(c))
	if err != nil {
		return err
	}
	system, kernel := machine()
	fmt.Fprintf(p.stdout, "\nsoftware -> celery:%s (healpipe %s) %s\n            commit:%s\n", celery.Version, version, runtime.Version(), commit())
	fmt.Fprintf(p.stdout, "platform -> system:%s arch:%s\n            kernel version:%s imp:Go\n", system, runtime.GOARCH, kernel)
	fmt.Fprintf(p.stdout, "loader   -> %s\n", orElse(cfg.File, "no config.py"))
	transport := ""
	if u, err := url.Parse(strings.Split(cfg.CeleryBroker, ";")[0]); err == nil {
		transport = u.Scheme
	}
	fmt.Fprintf(p.stdout, "settings -> transport:%s results:%s\n\n", transport, orElse(cfg.Show("RESULT_BACKEND"), "disabled"))
	for _, s := range config.Settings() {
		if v := cfg.Show(s.Name); v != "" {
			fmt.Fprintf(p.stdout, "%s: %s\n", s.Name, v)
		}
	}
	for _, s := range shownCelery(cfg, conf) {
		fmt.Fprintf(p.stdout, "%s: %s\n", s[0], s[1])
	}
	fmt.Fprintln(p.stdout)
	return nil
}

// machine names the system and its release as uname does.
func machine() (system, release string) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return runtime.GOOS, "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:])
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
