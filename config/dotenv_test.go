package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"healpipe/internal/testenv"
)

// pythonDotEnv prints what python-dotenv reads of each text, names without a value left out.
const pythonDotEnv = `
import json, logging, os, sys
from dotenv.main import DotEnv
logging.disable(logging.CRITICAL)
os.environ.clear()
os.environ["HAVE"] = "env"
out = []
for text in json.load(open(sys.argv[1])):
    open("dotenv", "w", newline="", encoding="utf-8").write(text)
    values = DotEnv("dotenv", override=False, interpolate=True, encoding="utf-8").dict()
    out.append({k: v for k, v in values.items() if v is not None})
json.dump(out, sys.stdout)
`

// TestDotEnvAsPython reads texts as python-dotenv does, with HAVE=env in the environment.
func TestDotEnvAsPython(t *testing.T) {
	t.Parallel()
	texts := []string{
		"A=b",
		"A = b",
		"export A=b",
		"export  A=b",
		"A='b c'",
		"A=\"b c\"",
		"A=b c # comment",
		"A=b#c",
		"A='b#c' # d",
		"A=\"x\\ny\"",
		"A='x\\ny'",
		"A='it\\'s'",
		"A=\"q\\\"q\"",
		"A=",
		"A=''",
		"A",
		"A=$B",
		"A=${HAVE}",
		"A=${NO}",
		"A=${NO:-def}",
		"A='${HAVE}'",
		"B=1\nA=${B}2",
		"A=pa$word",
		"A=\"multi\nline\"",
		"A=1\nA=2",
		"# c\n\nA=1 #x",
		"A=a\\nb",
		"'A'=1",
		"A B=1\nA=2",
		"A=1\r\nB=2\r\n",
		"A=\"unterminated\nB=2",
		"A=  spaced  ",
		"A==x",
		"A=#x",
		"A= # x",
		"A=\t'q'\t#",
		"A='q' x\nB=2",
		"A=\"\\u00e9\\t\\101\"",
		"A=\u00e9",
		"HAVE=file\nA=${HAVE}",
		"1A=x",
		"A.B=x",
		"A-B=x",
		"A=${",
		"A=${}",
		"A=$${HAVE}",
		"\ufeffA=1",
		"A=a'b'",
		"export\nA=1",
		"=x\nA=1",
		"A=1;B=2",
		"A=\"b\"c",
		"A=b\\",
		"A='\\\\'",
		"A=${HAVE}${HAVE:-x}$HAVE",
		"A='a\nb'\nC=d", "A=1 #", "A = 'x' # y\n#z\nB=\"${A}${A}\"", "A=\"${B:-${HAVE}}\"", "A=é\tb", "export 'B'=2", "A=$", "A='", "A=\\\nB=1", "A=b\rC=d", "A=\"\\\"\"", "A=${HAVE:-}", "A='a' 'b'",
	}
	in := filepath.Join(t.TempDir(), "texts.json")
	text, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var want []map[string]string
	if err := json.Unmarshal([]byte(testenv.RunPython(t, pythonDotEnv, in)), &want); err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		file, _ := parseDotEnv(".env", text, environment("HAVE=env"))
		got := map[string]string{}
		for _, e := range file.entries {
			got[e.name] = e.value
		}
		if !maps.Equal(got, want[i]) {
			t.Errorf("%q:\ngot  %q\nwant %q", text, got, want[i])
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
