package cli

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	app := &cli.App{
		Flags: []cli.Flag{&cli.StringFlag{Name: "app", Aliases: []string{"A"}}, &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}}},
		Commands: []*cli.Command{
			{Name: "worker", Flags: []cli.Flag{&cli.StringFlag{Name: "concurrency", Aliases: []string{"c"}}, &cli.BoolFlag{Name: "events", Aliases: []string{"E"}}}},
			{Name: "regrid", Flags: []cli.Flag{&cli.StringFlag{Name: "output", Aliases: []string{"o"}}}},
			{Name: "index", Subcommands: []*cli.Command{{Name: "create", Flags: []cli.Flag{&cli.BoolFlag{Name: "force"}}}}},
		},
	}
	for _, c := range []struct{ in, want string }{
		{"-A tasks worker -c 8 -E", "-A=tasks worker -c=8 -E"},
		{"-Atasks worker -c8", "-A=tasks worker -c=8"},
		{"--app=tasks -q worker --concurrency=8", "--app=tasks -q worker --concurrency=8"},
		{"regrid a b -o out c", "regrid -o=out -- a b c"},
		{"regrid -- -o", "regrid -- -o"},
		{"regrid x -- -o", "regrid -- x -o"},
		{"index create out.csv --force", "index create --force -- out.csv"},
		{"worker --unknown", "worker --unknown"},
		{"regrid a --output", "regrid --output"},
		{"", ""},
	} {
		got := normalize(app, append([]string{"healpipe"}, strings.Fields(c.in)...))
		if s := strings.Join(got[1:], " "); s != c.want {
			t.Errorf("normalize(%q) = %q, want %q", c.in, s, c.want)
		}
	}
}
