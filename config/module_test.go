package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const usualConfig = `"""Settings of the pipeline."""
import os
from pathlib import Path

import pandas as pd
from dotenv import load_dotenv

load_dotenv()

TIME_CHUNK = 24
TIME_RANGE = pd.date_range("1940", "2100", freq="1h")
START_TIME = pd.Timestamp("1900-01-01")
TIME_UNITS = "minutes since 1900-1-1 0:0:0"
LEVELS = 37
OUTPUT_LEVEL = 6

BASE = Path("/data") / "era5"
ERA5_ROOTS = [f"{BASE}/ERA5_sfc", str(BASE / "ERA5_pl"), os.path.join(BASE, "ERA5_1h_acc_precip")]
ERA5_PROFILE = ""
OUTPUT_BUCKET = os.environ["OUT"]
OUTPUT_PROFILE = os.getenv("OUT_PROFILE", "")
ZARR_PATH: str = "path/" "to/" f"hpx{2 ** OUTPUT_LEVEL}.zarr"  # joined
ZARR_PROFILE = None if OUTPUT_PROFILE == "" else OUTPUT_PROFILE
CELERY_BROKER = f"redis://:{os.environ['PW']}@localhost:6379/0"
`

func TestUsualConfig(t *testing.T) {
	t.Parallel()
	dir := site(t, map[string]string{"config.py": usualConfig, ".env": "PW='s$cret'\nOUT=no\n"})
	c, err := Load(Options{Dir: dir, Env: environment("OUT=path/to/ERA5_HPX6")})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.TrimSpace(fmt.Sprintln(c.TimeChunk, c.TimeRange.N, c.Levels, c.OutputLevel, c.ERA5Roots, c.OutputBucket, c.ZarrPath, c.ZarrProfile, c.CeleryBroker, c.StartTime.Format(time.DateOnly)))
	want := "24 1402561 37 6 [/data/era5/ERA5_sfc /data/era5/ERA5_pl /data/era5/ERA5_1h_acc_precip] path/to/ERA5_HPX6 path/to/hpx64.zarr  redis://:s$cret@localhost:6379/0 1900-01-01"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if o := c.Origin("ZARR_PATH").String(); o != "config.py:22:1" {
		t.Errorf("origin of ZARR_PATH: %s", o)
	}
	if s := c.Show("CELERY_BROKER"); s != "redis://:********@localhost:6379/0" {
		t.Errorf("shown broker: %s", s)
	}
}

// TestConfigFaults compares the whole message.
func TestConfigFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ code, want string }{
		{"import numpy as np\nLEVELS = np.size(3)\n", "config.py:2:12: LEVELS numpy.size is not known here; write the value itself, or set --levels or HEALPIPE_LEVELS"},
		{"TIME_CHUNK = 'x'\nLEVELS = 0\n", "config.py:1:1: TIME_CHUNK wants a whole number, not \"x\"; write TIME_CHUNK = 24, or set --time-chunk or HEALPIPE_TIME_CHUNK\nconfig.py:2:1: LEVELS must be at least 1, not 0; write LEVELS = 37, or set --levels or HEALPIPE_LEVELS"},
		{"import pandas as pd\nTIME_RANGE = pd.date_range('1940', '2100', freq='MS')", "config.py:2:27: TIME_RANGE the axis has the frequency \"MS\", whose unit \"MS\" has no fixed length here, write one in D, h, min or s; write freq as \"1h\", \"15min\" or \"1D\", or set --time-range or HEALPIPE_TIME_RANGE"},
		{"import os\nZARR_PATH = 'a' + os.environ['STORE']", "config.py:2:29: ZARR_PATH KeyError: the variable STORE is not set; set STORE in the environment or in .env, or set --zarr-path or HEALPIPE_ZARR_PATH"},
		{"import sys\nLEVELS = 37\nif LEVELS > 3:\n    sys.exit('no')\n", "config.py:4:13: SystemExit: no"},
		{"LEVELS = 37\nif LEVELS > 3:\n    raise ValueError('too many')\n", "config.py:3:5: ValueError: too many"},
		{"TIME_CHUNK = 24\nmatch TIME_CHUNK:\n    case 24:\n        LEVELS = 5\n", "config.py:2:1: LEVELS the statement match is not read; write the values themselves, or set --levels or HEALPIPE_LEVELS"},
		{"import other\nERA5_ROOTS = ['a']\nERA5_ROOTS.append(other.thing())\n", "config.py:3:30: ERA5_ROOTS other.thing is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself, or set --era5-roots or HEALPIPE_ERA5_ROOTS"},
		{"@retry\ndef f():\n    return 1\n", "config.py:1:1: the decorator retry is not read; leave it out"},
	} {
		_, err := Load(Options{Dir: site(t, map[string]string{"config.py": tt.code}), Env: environment()})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\n  got  %v\n  want %s", tt.code, err, tt.want)
		}
	}
}

func TestSpoiltIsNoFaultWhenGivenElsewhere(t *testing.T) {
	t.Parallel()
	dir := site(t, map[string]string{"config.py": "import secretlib\nPW = secretlib.get('x')\nCELERY_BROKER = f'redis://:{PW}@h/0'\nclass A:\n    x = 1\nLEVELS = 5\n"})
	c, err := Load(Options{Dir: dir, Env: environment("CELERY_BROKER_URL=redis://h/1")})
	if err != nil || c.Levels != 5 || c.CeleryBroker != "redis://h/1" {
		t.Errorf("%v %+v", err, c)
	}
	_, err = Load(Options{Dir: dir, Env: environment()})
	if err == nil || !strings.HasPrefix(err.Error(), "config.py:2:") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// TestLeftOut keeps a file whose statement without names cannot be read, and notes the statement.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	dir := site(t, map[string]string{"config.py": "import other\nother.setup()\nprint(other.version())\nLEVELS = 5\nOUTPUT_BUCKET, OUTPUT_ROOT = ['a'], ['b']\n"})
	c, err := Load(Options{Dir: dir, Env: environment("HEALPIPE_OUTPUT_BUCKET=x")})
	if err != nil || c.Levels != 5 || len(c.Notes) != 1 || c.Notes[0].Line != 3 {
		t.Errorf("%v %v", err, c.Notes)
	}
	if _, err = Load(Options{Dir: dir, Env: environment()}); fmt.Sprint(err) != "config.py:5:1: OUTPUT_BUCKET wants a text, not a list; write OUTPUT_BUCKET = \"path/to/ERA5_HPX6\", or set --output-bucket or HEALPIPE_OUTPUT_BUCKET" {
		t.Errorf("%v", err)
	}
}

// TestSpoiltBeforeRaise spoils a statement with executions of a try in front of others.
func TestSpoiltBeforeRaise(t *testing.T) {
	t.Parallel()
	code := `import os, other
def get(name):
    try:
        return os.environ[name]
    except KeyError:
        return "none"
A = get("A") + get("HAVE") + other.thing()
LEVELS = len(get("HAVE") + get("B") + get("HAVE"))
`
	m := runModule(moduleSource{name: "config.py", text: code, lookup: environment("HAVE=have")})
	if v := m.values["LEVELS"]; v.value != int64(12) || m.values["A"].fault == nil {
		t.Errorf("%v %v", v.value, m.values["A"].fault)
	}
}

func TestHostileConfig(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"while True: pass", "X = 'a' * 10**12", "X = [0] * (1 << 40)", "X = list(range(10**12))", "X = 10 ** 10 ** 10",
		strings.Repeat("(", 100000), strings.Repeat("X = 1 if 1 else ", 100000), "a = 'x' * 1000\nwhile True:\n  a = a + a",
		"X = f'{" + strings.Repeat("(", 500) + "'", "X = f'" + strings.Repeat("{1:", 500), "'''", "X = \"a", "X = '\\x", "if 1:", "  X = 1", "else:\n  X = 1",
		"import", "from x import", "from . import y", "import a as", "raise", "@x\ndef f(): pass", "def f(", "X = ?", "X: = 3", "= 3", "** 3", "X = **3", "try:\n  pass", "f'{}'", "f'{a!}'", "X = 1\n\x00", "é = 1\nX = é\n",
		"def f(): return f()\nX = f()", "a = []\na.append(a)\nERA5_ROOTS = a", strings.Repeat("if 1:\n ", 60) + "X = 1",
	} {
		m := runModule(moduleSource{name: "config.py", text: code, lookup: environment()})
		for _, f := range m.broken {
			if strings.Contains(f.Error(), "\n") {
				t.Errorf("%.40q: a message of several lines: %s", code, f)
			}
		}
	}
}
