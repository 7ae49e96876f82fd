package celery_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// TestDocumentNamesTests: every test and every check that docs/protocol.md names exists.
func TestDocumentNamesTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(testenv.Path("docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, pattern := range []string{"celery/*_test.go", "celery/*/*_test.go", "tests/*_test.go", "cli/*_test.go", "celery/testdata/*.py"} {
		files, err := filepath.Glob(testenv.Path(pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
	}
	have := code.String()
	for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(page), -1) {
		if !strings.Contains(have, "func "+name+"(t *testing.T)") {
			t.Errorf("there is no %s", name)
		}
	}
	for _, m := range regexp.MustCompile(`\*\*([a-z]\w+)\*\*`).FindAllStringSubmatch(string(page), -1) {
		// A check, or what control, workers and events hold by name.
		if !strings.Contains(have, "def "+m[1]+"(") && !strings.Contains(have, `"`+m[1]+`"`) && !strings.Contains(have, m[1]+"=") {
			t.Errorf("there is no check %s", m[1])
		}
	}
}
