package config

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// python runs each code as config.py is run and prints X, "!" if the code raises.
const python = `
import datetime, json, os, pathlib, sys
import pandas as pd

def plain(x):
    if isinstance(x, pd.DatetimeIndex):
        step = (x[1] - x[0]).total_seconds() if len(x) > 1 else 0.0
        return f"{len(x)} {x[0] if len(x) else ''} {step:g}"
    if isinstance(x, (datetime.datetime, pd.Timestamp)):
        return str(x).replace("+00:00", "")
    if isinstance(x, pathlib.PurePath):
        return str(x)
    if isinstance(x, (list, tuple)):
        return [plain(e) for e in x]
    if isinstance(x, bool) or x is None:
        return str(x)
    if isinstance(x, float):
        return f"{x:.12g}"
    return str(x)

os.environ["HAVE"] = "have"
os.environ.pop("MISSING", None)
out = []
for code in json.load(open(sys.argv[1])):
    names = {"__name__": "config", "__file__": "/site/config.py"}
    try:
        exec(compile(code, "config.py", "exec"), names)
        out.append(plain(names["X"]))
    except Exception as e:
        out.append("!")
json.dump(out, sys.stdout)
`

// asPython puts a value of config.py into the form that the script prints.
func asPython(v any) any {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case float64:
		if math.IsInf(v, 0) {
			return strings.TrimPrefix(strings.ToLower(fmt.Sprint(v)), "+")
		}
		return fmt.Sprintf("%.12g", v)
	case TimeRange:
		first, step := "", 0.0
		if v.N > 0 {
			first = dateValue(v.Start).String()
		}
		if v.N > 1 {
			step = v.Step.Seconds()
		}
		return fmt.Sprintf("%d %s %g", v.N, first, step)
	case time.Time:
		return dateValue(v).String()
	case []any:
		list := []any{}
		for _, e := range v {
			list = append(list, asPython(e))
		}
		return list
	}
	return fmt.Sprint(v)
}

// samePython runs the codes with Python and with this package; older are codes that this package
// understands although the pandas at hand refuses them.
func samePython(t *testing.T, codes []string) {
	t.Helper()
	in := filepath.Join(t.TempDir(), "codes.json")
	text, err := json.Marshal(codes)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var want []any
	if err := json.Unmarshal([]byte(testenv.RunPython(t, python, in)), &want); err != nil {
		t.Fatal(err)
	}
	for i, code := range codes {
		m := runModule(moduleSource{name: "config.py", path: "/site/config.py", text: code, lookup: environment("HAVE=have")})
		v := m.values["X"]
		got := asPython(v.value)
		if v.fault != nil || len(m.broken)+len(m.fatal)+len(m.notes) > 0 {
			got = "!"
		}
		if fmt.Sprint(got) != fmt.Sprint(want[i]) {
			t.Errorf("%s\n  got  %v\n  want %v\n  fault %v, notes %v, broken %v", code, got, want[i], v.fault, Faults(m.notes), Faults(m.broken))
		}
	}
}

func TestLanguageAsPython(t *testing.T) {
	t.Parallel()
	samePython(t, []string{
		`X = 2 ** 3 ** 2`, `X = -2 ** 2`, `X = 2 ** -1`, `X = (1 + 1) ** 3 * 2 ** len([1, 2])`, `X = [2][0] ** {"a": 3}["a"]`,
		"def f(a: int = 3, *, b: str = 'x') -> str:\n    return b * a\nX = f()",
		"def f(a, /, b=2, *c, **d): return [a, b, len(c), d['k']]\nX = f(1, *[3, 4], **{'k': 5})",
		`A = B = 5; X = A + B`, "X = 1_000 + 0x_ff + 0b11 + 0o17 + int(1e3) + int(1_0.5_0)",
		"X = ('a'\n     'b'\n     r'\\d')", "X = 'a' 'b' * 2", "X = 'a' 'b' == 'ab' and 'x' 'y'",
		`X = 'tab\tx\x41\u00e9\101\q\'"' + "\U0001f600" + u'u'`, "X = r'\\n' + R\"\\t\" + '''a\nb\"'c''' + 'a\\\nb'",
		"X = 1 if None is not None else 2", "X = [3 is 3, not None is None]",
		"try:\n    import nothing_like_it\nexcept ImportError:\n    X = 'no'\nelse:\n    X = 'yes'",
		"try:\n    from nothing_like_it import a, b\nexcept (ImportError, KeyError) as e:\n    X = 'no'",
		"try:\n    import os\nexcept ImportError:\n    X = 'no'\nelse:\n    X = 'yes'",
		"import os\ntry:\n    X = 'a'\n    X = os.environ['MISSING']\n    X = 'b'\nexcept KeyError as e:\n    X = X + 'c'\nfinally:\n    X = X + 'd'",
		"import os\ndef get(n, d):\n    try:\n        return os.environ[n]\n    except KeyError:\n        return d\nX = get('MISSING', 'm') + get('HAVE', 'n') + get('GONE_', 'g')",
		"X = []\nfor s in ['1', 'x', '3', 'y']:\n    try:\n        X.append(int(s))\n    except ValueError:\n        continue\n    else:\n        X.append('ok')",
		"try:\n    X = int('x')\nexcept (KeyError, ValueError):\n    X = 'v'",
		"try:\n    try:\n        raise ValueError('a')\n    except KeyError:\n        X = 'k'\nexcept Exception as e:\n    X = f'{e}'",
		"try:\n    try:\n        X = {}['k']\n    except KeyError:\n        raise RuntimeError('again')\nexcept RuntimeError as e:\n    X = str(e)",
		"def f():\n    raise ValueError('deep')\ntry:\n    X = f()\nexcept ValueError as e:\n    X = str(e)",
		"try:\n    X = 1 / 0\nexcept ZeroDivisionError:\n    X = 'z'", "try:\n    X = [1][5]\nexcept IndexError:\n    X = 'i'", "try:\n    X = 'a' + 1\nexcept TypeError:\n    X = 't'",
		"try:\n    X = 'abc'.nothing\nexcept AttributeError:\n    X = 'at'",
		"X = []\nfor i in range(3):\n    if i == 1: continue\n    X.append(i)", "i = 0\nwhile i < 5: i += 1\nX = i", "X = 0\nfor i in range(10):\n  if i == 3: break\n  X += i",
		"X = f'{1/3:.3f} {5:03d} {\"a\":>3}|{3!r} {\"b\"!r} {{}} {7=}'", "d = {'k': 2}\nX = f\"{d['k']:{'0'}{4}}\"", "X = f'''{'multi'}\nline'''",
		"X = f'{1000000:,} {1234567.891:,.2f} {255:#x} {255:X} {5:b} {-3:+d} {3: d} {0.25:.1%} {1e10:g} {1.5e-7} {12.0}'",
		"X = f'{\"x\":*^7}|{\"abc\":.2}|{True:d}|{-5:05d}|{3.14159:8.2f}|{2:<4}|'", "a = 3\nX = f'{a}' f\"{a + 1}\" 'c' rf'\\d{a}'", "X = f'{ {1: 2}[1] } {(lambda x: x)(3)} {[i for i in range(2)]}'",
		"X = '%02d-%s-%.2f%%' % (3, 'x', 2.5)", "X = '%(a)s %(b)03d' % {'a': 1, 'b': 2}", "X = '%5s|%-5s|%x|%r|%+d|%e' % ('a', 'b', 255, 'q', 3, 12345.678)",
		"X = '{}-{:02d}-{name}'.format('a', 4, name='n')", "X = '{1}{0}{0!r:>5}'.format('a', 'b')", "s = '{:>4}'\nX = s.format(7)",
		"X = 'x'.rjust(3, '.') + '7'.zfill(3) + '-7'.zfill(4) + 'l'.ljust(3) + '|'", "X = 'A,b'.lower().split(',') + ['x'.upper(), ' s '.strip(), 'ab'.replace('a', 'c')]",
		"X = sum([1, 2]) + round(2.5) + max(1, 4) + abs(-3) + min([5, 6])", "X = round(3.14159, 2)", "X = [7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 / 2, 2.0 * 3]", "X = sorted(['b', 'a'], reverse=True)",
		"X = [a + b for a in [1, 2] for b in [10, 20] if a + b != 12]", "X = {k: v for k, v in zip(['a'], [1])}['a']", "X = [x for x in 'a b'.split()]", "X, Y = 1, 2", "(X, Y), Z = (1, 2), 3", "X = [1, 2, 3][-1]", "X = 'abc'[::-1]", "X = [1, 2, 3, 4][1:3]",
		"X = not 1 == 2 and 3 in [3] and 4 not in [3] or 0", "X = 5 if True else 6", "X = 1 << 4 | 2 & 3 ^ 1", "X = ~5",
		"X = 'x' if isinstance('a', str) and not isinstance(1, str) and isinstance(1, int) else 'y'", "X = str(1.0) + str(True) + str(None) + str([1, 2]) + repr('a')",
		"import datetime as dt\nX = (dt.datetime(2000, 1, 1) + dt.timedelta(hours=25)).strftime('%Y%m%d%H')", "from datetime import datetime\nX = f'{datetime(1900, 1, 1):minutes since %Y-%m-%d}'",
		"from datetime import datetime, timedelta\nX = (datetime(2000, 3, 1) - datetime(2000, 2, 1)).days + (datetime(2000, 3, 1) - timedelta(days=1)).day",
		"import datetime\nX = datetime.datetime.strptime('19000102', '%Y%m%d').isoformat()", "from datetime import date\nX = date(2000, 1, 31).strftime('%-d %b %B %y %j')",
		"from pathlib import Path\nX = Path(__file__).resolve().parent", "from pathlib import Path\nX = Path('a/b.tar.gz'); X = X.stem + X.suffix + str(X.parent / 'c' / '../d')",
		"from pathlib import Path\nX = [str(p) for p in [Path('a//b/./c/'), Path('/a') / '/b', Path('.') / 'x', 'pre' / Path('y'), Path('s3://b/k'), Path('a', 'b'), Path(), Path('a.b').with_suffix('.c'), Path('/x/y').joinpath('z', 'w'), Path('.hidden').with_name('q')]]",
		"from pathlib import Path\nX = [Path('.hidden').suffix, Path('.hidden').stem, Path('a.').suffix, Path('/').name, Path('/a/b').parts[0] if False else '']",
		"import os.path as osp\nX = [osp.join('a', '/b', 'c'), osp.dirname('/x/y'), osp.basename('x/z'), osp.join('a/', 'b'), osp.join('', 'b'), osp.join('a', ''), osp.splitext('x.tar.gz')[1], osp.splitext('.x')[1], osp.normpath('a//b/../c'), osp.dirname('x'), osp.dirname('/x'), osp.dirname('a//b')]",
		"if __name__ == '__main__':\n    X = 1\nelif 1:\n    X = 2\nelse:\n    X = 3", "import os\nos.environ['NEW_'] = 'n'\nX = os.environ.get('NEW_') + os.getenv('HAVE') + str('MISSING' in os.environ) + os.getenv('MISSING', 'd') + os.environ.setdefault('ND_', 'e')",
		"import logging\nlog = logging.getLogger(__name__)\nlog.info('x')\nimport numpy as np\nX = 1", "from typing import List, Optional\nX: Optional[List[str]] = ['a']\nY: int", "from __future__ import annotations\nX = 1",
		"load = 3\nX = load + 1", "assert 1 < 2, 'no'\nX = 1", "assert 1 > 2, 'no'\nX = 1", "X = {'a': 1}['a'] \\\n    + 1", "a = lambda x, y=2: x + y\nX = a(1)", "# only\nX = (\n  1 +  # one\n  2\n)\n", "X = 1\r\nif X:\r\n\tX = 2\r\n", "pass; X = 1; pass", "if 1: X = 1; Y = 2\nelse: X = 3",
		"X = {'a', 'b'} == {'b', 'a'}", "X = len({1, 1, 2})", "A = ['a']\nX = [*A, 'b', *A]", "X = [*range(3)]", "x = 3\nX = 1 < x < 5", "x = 3\nX = 1 < x <= 2 or x == 3 != 4", "X = (0 <= 5 < 10) and not (1 > 0 > 1)",
		"import math\nX = int(math.log2(64)) + math.floor(2.7) + math.ceil(2.1)", "X = [1] + [2] * 3", "X = list(map(int, ['1', '2']))", "X = any(x > 1 for x in [1, 2])", "X = ','.join(str(i) for i in range(3))", "X = dict(a=1, b=2)['b']", "X = tuple([1, 2])", "X = [i for i, c in enumerate(['a', 'b']) if c == 'b']",
		"import json\nX = json.loads('[1, \"a\", {\"b\": null}]')[:2]", "from urllib.parse import quote_plus, quote\nX = quote_plus('p@s s/:é~') + quote('a/b c?')", "import urllib.parse\nX = urllib.parse.quote('@', safe='@')",
		"import functools\n@functools.lru_cache(maxsize=None)\ndef f(): return 3\nX = f()", "from functools import cache\n@cache\ndef f(): return 3\nX = f()",
		"import os\ndef env(name, default=None, cast=str):\n    value = os.environ.get(name)\n    return default if value is None else cast(value)\nX = [env('MISSING', 24, int), env('HAVE'), env('HAVE', cast=len)]",
		"import os\nSTAGES = {'dev': 'a', 'prod': {'path': 'b'}}\nX = STAGES[os.getenv('MISSING', 'prod')]['path']", "X = []\nfor kind in ('sfc', 'pl'):\n    X.append(f'ERA5_{kind}')\nX += ['more']\nX.extend(['a', 'b'])", "X = [f'{b}/{k}' for b in ('x', 'y') for k in ['1']]",
		"from pathlib import Path\nROOT = Path('/data')\nX = [ROOT / d for d in ('a', 'b')]", "from pathlib import Path\nX = f\"{Path('/a') / 'b'}/c\" + str(Path('/a').parent)", "import os\nX = 'cluster' if os.getenv('HAVE', '').lower() in ('have', '1') else 'local'",
		"import os\nX = int(os.environ.get('MISSING') or 24)", "import os\nX = bool(os.getenv('MISSING')) or os.getenv('HAVE') is not None", "class_ = 3\nX = class_", "X = '''\na\n  b'''.strip().splitlines()", "X = 'a=1;b=2'.split(';')[0].partition('=')[2]",
		"X = 'redis://{}:{}/{}'.format('h', 6379, 0)", "X = 'redis://%s:%d/%d' % ('h', 6379, 0)", "X = 'a' + \\\n    'b'", "x: 'list[str]' = []\nX: \"int\" = 3", "import os.path\nX = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')",
		"X = 12 * 4 ** 6 // 2 + 10 % 4", "X = 1e3 // 1 + 0xFF", "def f():\n    '''doc'''\n    x = 1\n    if x:\n        return 'r'\n    else:\n        pass\nX = f()", "X = (lambda: 3)()", "X = max([3, 1], key=lambda v: -v)", "X = sorted({'b': 1, 'a': 2}.items())[0][0]", "X = {'a': 1}.get('b', 'd')",
		"X = ['a'] if True else []", "X = \"it's\"", "X = '\\\\srv\\x41'", "X = {**{'a': 1}, 'b': 2}['a']", "A = {'k': [1]}\nX = str(sorted({'z': 0, **A, **{'k': 2, 'm': 3}, 'n': 4}.items()))", "import sys\nX = 1\nsys.path.insert(0, '.')", "import os\nos.makedirs('/tmp', exist_ok=True)\nX = 1",
		"del_ = 1\nX = del_\ndel del_", "X = None", "X = True", "X = float('inf')", "X = 'é' + 'ß'.upper() if False else 'é'", "é = 2\nX = é",
	})
}

func TestDatesAsPandas(t *testing.T) {
	t.Parallel()
	var codes []string
	for _, s := range []string{
		"1940", "1940-01", "1940-1-1", "19400102", "1940/01/02", "01/02/1940", "13/02/1940", "Jan 1 1940", "1 January 1940", "January 1940", "1940-01-01T00", "1940-01-01 00:00", "1940-01-01 5:3", "1940-01-01T01:02:03",
		"1940-01-01T00:00:00.123456", "1940-01-01T00:00Z", "1940-01-01 00:00+00:00", "1940-01-01 00:00:00 UTC", "1940-01-01 12", "2000-02-30", "2000-02-29", "1900-02-29", "19400101T06", "20000101T0600", "1-2-1940", "2100", "1940.01.01", "1940 01 01", "1940-13-01", "1940-01-01 24:00", "nonsense", "1940-001", " 1940 ",
	} {
		codes = append(codes, fmt.Sprintf("import pandas as pd\nX = pd.Timestamp(%q)", s))
	}
	for _, args := range []string{
		`"1940", "2100", freq="1h"`, `"1940", "2100", freq="h"`, `"1940-01-01", "1940-12-31"`, `start="2000", end="2001", freq="3h"`, `"2000", "2001", freq="15min"`, `"2000", "2001", freq="1D"`, `"2000", "2001", freq="90min"`, `"2000", "2001", freq="1h30min"`, `"2000", "2001", freq="1D12h"`, `"2000", "2001", freq="0.5h"`,
		`"2000", periods=10, freq="6h"`, `end="2000", periods=10, freq="6h"`, `"2000-01-01 05:00", "2000-01-01 22:59", freq="6h"`, `"2001", "2000", freq="1h"`, `"2000", "2000", freq="1h"`, `"2000", "2001", periods=5`, `"2000", "2001", freq="1h", inclusive="left"`, `"2000", "2001", freq="1h", inclusive="right"`, `"2000", "2001", freq="1h", inclusive="neither"`,
		`"2000", "2001", freq="7h", inclusive="left"`, `"2000", "2001", freq=pd.Timedelta("6h")`, `"2000", "2001", freq=pd.Timedelta(hours=6)`, `"2000", "2001", freq=pd.offsets.Hour(3)`, `pd.Timestamp("2000"), pd.Timestamp(2000, 2, 1), freq="1h"`, `"2000", "2001", None, "1h"`, `"2000", freq="1h"`, `"2000", "2001", 3, "1h"`, `"2000", "2001", freq="60s"`, `"2000", "2001", freq="nonsense"`, `"2000", "2001", freq="0h"`, `"2000", periods=0, freq="1h"`, `"2000", "2001", freq="1 h"`,
	} {
		codes = append(codes, fmt.Sprintf("import pandas as pd\nX = pd.date_range(%s)", args))
	}
	for _, expr := range []string{
		`pd.Timestamp("2000-01-01") + pd.Timedelta("1h")`, `pd.Timestamp("2000-03-01") - pd.Timedelta(days=1)`, `(pd.Timestamp("2000-03-01") - pd.Timestamp("2000-01-01")).days`, `pd.Timestamp("2000-01-01") < pd.Timestamp("2000-01-02")`, `pd.Timestamp(year=2000, month=2, day=3, hour=4)`, `pd.Timestamp(2000, 2, 3)`, `pd.Timestamp("2000-01-01 05:06").hour`, `str(pd.Timestamp("2000-01-01"))`,
		`pd.Timedelta("1 days 06:00:00").total_seconds()`, `pd.Timedelta("90 minutes") / pd.Timedelta("1h")`, `pd.Timedelta(1, "h").seconds`, `pd.Timedelta("01:30:00").seconds`, `pd.Timedelta("1h") * 3 // pd.Timedelta("2h")`, `(-pd.Timedelta("1h")).days`, `pd.Timedelta(hours=1, minutes=30) == pd.Timedelta("1.5h")`, `pd.Timedelta("nonsense")`, `pd.Timedelta("2 hours") > pd.Timedelta("1h")`,
		`pd.date_range("2000", "2001", freq="1h")[:-1]`, `pd.date_range("2000", "2001", freq="1h")[::6]`, `pd.date_range("2000", "2001", freq="1h")[-1]`, `len(pd.date_range("2000", "2001", freq="1h"))`, `pd.date_range("2000", "2001", freq="1h").max()`, `pd.date_range("2000", "2001", freq="1h").size`, `pd.to_datetime("2000-05-06")`, `pd.to_timedelta("1h").seconds`, `pd.Timestamp("1900-01-01").strftime("minutes since %Y-%m-%d %H:%M:%S")`, `pd.Timestamp("2000-01-01").replace(month=5)`, `pd.Timestamp("2000-01-01 05:00").normalize()`,
	} {
		codes = append(codes, "import pandas as pd\nX = "+expr)
	}
	samePython(t, codes)
}

// TestOlderFrequencies has letters that pandas took before version 3.
func TestOlderFrequencies(t *testing.T) {
	t.Parallel()
	for freq, want := range map[string]time.Duration{"H": time.Hour, "3H": 3 * time.Hour, "15T": 15 * time.Minute, "S": time.Second, "2L": 2 * time.Millisecond} {
		if got, err := ParseFreq(freq); err != nil || got != want {
			t.Errorf("%s: %v %v", freq, got, err)
		}
	}
}
