package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestDotEnvAsPython has the values that python-dotenv 1.2 gives (dotenv_values with override=False and
// HAVE=env in the environment), names without a value left out.
func TestDotEnvAsPython(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"A=b", "A=b"},
		{"A = b", "A=b"},
		{"export A=b", "A=b"},
		{"export  A=b", "A=b"},
		{"A='b c'", "A=b c"},
		{"A=\"b c\"", "A=b c"},
		{"A=b c # comment", "A=b c"},
		{"A=b#c", "A=b#c"},
		{"A='b#c' # d", "A=b#c"},
		{"A=\"x\\ny\"", "A=x\ny"},
		{"A='x\\ny'", "A=x\\ny"},
		{"A='it\\'s'", "A=it's"},
		{"A=\"q\\\"q\"", "A=q\"q"},
		{"A=", "A="},
		{"A=''", "A="},
		{"A", ""},
		{"A=$B", "A=$B"},
		{"A=${HAVE}", "A=env"},
		{"A=${NO}", "A="},
		{"A=${NO:-def}", "A=def"},
		{"A='${HAVE}'", "A=env"},
		{"B=1\nA=${B}2", "A=12 B=1"},
		{"A=pa$word", "A=pa$word"},
		{"A=\"multi\nline\"", "A=multi\nline"},
		{"A=1\nA=2", "A=2"},
		{"# c\n\nA=1 #x", "A=1"},
		{"A=a\\nb", "A=a\\nb"},
		{"'A'=1", "A=1"},
		{"A B=1\nA=2", "A=2"},
		{"A=1\r\nB=2\r\n", "A=1 B=2"},
		{"A=\"unterminated\nB=2", "B=2"},
		{"A=  spaced  ", "A=spaced"},
		{"A==x", "A==x"},
		{"A=#x", "A=#x"},
		{"A= # x", "A="},
		{"A=\t'q'\t#", "A=q"},
		{"A='q' x\nB=2", "B=2"},
		{"A=\"\\u00e9\\t\\101\"", "A=\\u00e9\t\\101"},
		{"A=\u00e9", "A=\u00e9"},
		{"HAVE=file\nA=${HAVE}", "A=env HAVE=file"},
		{"1A=x", "1A=x"},
		{"A.B=x", "A.B=x"},
		{"A-B=x", "A-B=x"},
		{"A=${", "A=${"},
		{"A=${}", "A="},
		{"A=$${HAVE}", "A=$env"},
		{"\ufeffA=1", "A=1"},
		{"A=a'b'", "A=a'b'"},
		{"export\nA=1", "A=1"},
		{"=x\nA=1", "A=1"},
		{"A=1;B=2", "A=1;B=2"},
		{"A=\"b\"c", ""},
		{"A=b\\", "A=b\\"},
		{"A='\\\\'", "A=\\"},
		{"A=${HAVE}${HAVE:-x}$HAVE", "A=envenv$HAVE"},
	} {
		file, _ := parseDotEnv(".env", tt.text, environment("HAVE=env"))
		values := map[string]string{}
		for _, e := range file.entries {
			values[e.name] = e.value
		}
		var pairs []string
		for k, v := range values {
			pairs = append(pairs, k+"="+v)
		}
		slices.Sort(pairs)
		if got := strings.Join(pairs, " "); got != tt.want {
			t.Errorf("%q:\ngot  %q\nwant %q", tt.text, got, tt.want)
		}
	}
}

func TestDotEnvNotes(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{Dir: site(t, map[string]string{".env": "# settings\nHEALPIPE_LEVELS=five\n  what is this\nHEALPIPE_ZARR_PATH='é' x\n"}), Env: environment()})
	if want := ".env:2:1: HEALPIPE_LEVELS wants a whole number, not \"five\"; give for example 37"; fmt.Sprint(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if len(c.Notes) != 2 || c.Notes[0].Line != 3 || c.Notes[0].Col != 3 || c.Notes[1].Line != 4 {
		t.Errorf("%v", c.Notes)
	}
}

// TestPlaces gives one setting in all places and takes the strongest away, one after the other.
func TestPlaces(t *testing.T) {
	t.Parallel()
	dir := site(t, map[string]string{"config.py": "CELERY_BROKER = 'redis://py/0'\n", ".env": "CELERY_BROKER_URL=redis://dotenv/0\n"})
	o := Options{Dir: dir, Flags: map[string]string{"CELERY_BROKER": "redis://flag/0"}, Env: environment("HEALPIPE_CELERY_BROKER=redis://own/0", "CELERY_BROKER_URL=redis://celery/0")}
	for _, step := range []struct {
		want   string
		weaken func()
	}{
		{"redis://flag/0 flag (--broker)", func() { o.Flags = nil }},
		{"redis://own/0 environment (HEALPIPE_CELERY_BROKER)", func() { o.Env = environment("CELERY_BROKER_URL=redis://celery/0") }},
		{"redis://celery/0 environment (CELERY_BROKER_URL)", func() { o.Env = environment() }},
		{"redis://dotenv/0 .env (CELERY_BROKER_URL)", func() { o.Dir = site(t, map[string]string{"config.py": "CELERY_BROKER = 'redis://py/0'\n"}) }},
		{"redis://py/0 config.py:1:1", func() { o.Dir = t.TempDir() }},
		{" default", func() {}},
	} {
		c, err := Load(o)
		if got := fmt.Sprint(c.CeleryBroker, " ", c.Origin("CELERY_BROKER")); err != nil || got != step.want {
			t.Errorf("got %q %v, want %q", got, err, step.want)
		}
		step.weaken()
	}
}

// TestOlderName takes OUTPUT_ROOT where OUTPUT_BUCKET is missing.
func TestOlderName(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{Dir: site(t, map[string]string{"pkg/config.py": "OUTPUT_ROOT = 'old'\n"}), AppName: "pkg.tasks", Env: environment("HEALPIPE_ERA5_ROOTS=[\"a,b\", \"c\"]")})
	if err != nil || c.OutputBucket != "old" || c.Origin("OUTPUT_BUCKET").String() != "pkg/config.py:1:1" || fmt.Sprintf("%q", c.ERA5Roots) != `["a,b" "c"]` {
		t.Errorf("%v %+v", err, c)
	}
}

// TestLoadDotenv loads another file than .env, which must not override the environment.
func TestLoadDotenv(t *testing.T) {
	t.Parallel()
	dir := site(t, map[string]string{
		"config.py": "import os\nfrom dotenv import load_dotenv, dotenv_values\nload_dotenv('site.env')\nLEVELS = int(os.environ['N'])\nZARR_PATH = os.environ['Z'] + dotenv_values('site.env')['Z']\n",
		"site.env":  "N=5\nZ=file\nAWS_REGION=x\n",
	})
	c, err := Load(Options{Dir: dir, Env: environment("Z=env")})
	if err != nil || c.Levels != 5 || c.ZarrPath != "envfile" || c.DotEnv["AWS_REGION"] != "x" {
		t.Errorf("%v %+v", err, c)
	}
}
