package deploy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// TestGrafana parses the dashboard's expressions with Prometheus' own parser. Whether the worker exports what they
// name is a matter of TestMetrics in tests.
func TestGrafana(t *testing.T) {
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(file(t, "grafana.json"), &board); err != nil {
		t.Fatal(err)
	}
	taken, ids := map[[2]int]string{}, map[int]bool{}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*")
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("%q: the id %d is given twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x > 23 {
					t.Fatalf("%q lies over %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(variables.Replace(target.Expr))
			if err != nil {
				t.Errorf("%q: %v in %s", p.Title, err, target.Expr)
				continue
			}
			if typ := expr.Type(); typ != parser.ValueTypeVector {
				t.Errorf("%q: %s is a %s", p.Title, target.Expr, typ)
			}
			for _, selectors := range parser.ExtractSelectors(expr) {
				names := map[string]bool{}
				for _, m := range selectors {
					names[m.Name] = true
				}
				if !names["job"] || !names["instance"] {
					t.Errorf("%q: %s does not heed the dashboard's variables", p.Title, target.Expr)
				}
			}
		}
	}
	if len(board.Panels) < 10 {
		t.Errorf("%d panels", len(board.Panels))
	}
}
