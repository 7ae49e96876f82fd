package regrid

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// regridFile takes a file through r and returns the path of the result.
func regridFile(t testing.TB, r *Regridder, path string) (string, Report) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	rep, err := r.File(t.Context(), Input{R: bytes.NewReader(data), Size: int64(len(data)), Name: filepath.Base(path)}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Size != int64(out.Len()) {
		t.Errorf("report says %d bytes, %d were written", rep.Size, out.Len())
	}
	res := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(res, out.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return res, rep
}

// header returns what `ncdump -h -s` prints of a file: name, history, CDI and CDO lines aside.
func header(t testing.TB, path string) string {
	t.Helper()
	out, err := exec.Command("ncdump", "-h", "-s", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ncdump %s: %v\n%s", path, err, out)
	}
	return ownLines.ReplaceAllString(string(out), "")
}

var ownLines = regexp.MustCompile(`(?m)^netcdf .*\n|^\t\t:(CDI|CDO|history) = .*\n|^\t\t\t"[^:]*\n|^\t\t\t"... ... .*\n`)

func TestFileAgainstCDO(t *testing.T) {
	t.Parallel()
	var r Regridder
	for _, name := range []string{"2t_1h_025deg", "sstk_1h_025deg_masked", "2t_3h_1deg", "ci_2h_1deg_masked", "tp_2h_1deg", "u_2h_1deg_5lev"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := regridFile(t, &r, testenv.Path("tests", "testdata", "cdo", name+".nc"))
			want := testenv.Path("tests", "testdata", "cdo", name+".hp64.nc")
			if g, w := header(t, got), header(t, want); g != w {
				t.Errorf("header differs.\ngot\n%s\nwant\n%s", g, w)
			}
			compare(t, readFields(t, got).values, readFields(t, want).values).check(t)
		})
	}
}

func TestProgramAndHistory(t *testing.T) {
	t.Parallel()
	r := Regridder{Program: "healpipe 1.2.3", Now: func() time.Time { return time.Date(2026, 11, 24, 5, 6, 7, 0, time.UTC) }}
	got, rep := regridFile(t, &r, testenv.Path("tests", "testdata", "cdo", "u_2h_1deg_5lev.nc"))
	out, err := exec.Command("ncdump", "-h", got).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`:CDI = "healpipe 1.2.3" ;`, `:CDO = "healpipe 1.2.3" ;`,
		`:history = "Tue Nov 24 05:06:07 2026: healpipe 1.2.3: bilinear to HEALPix nside 256, mean to nside 64, of u_2h_1deg_5lev.nc" ;`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no line %s in\n%s", want, out)
		}
	}
	if rep.Fields != 10 || len(rep.Variables) != 1 || rep.Variables[0] != "U" {
		t.Errorf("report: %+v", rep)
	}
}
