package tests

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"healpipe/internal/testenv"
)

// TestManifestCommands runs what the Kubernetes manifest has the kubelet run: the worker, its probes, and preStop. (The
// manifest itself is read strictly in tests/deploy.)
func TestManifestCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(testenv.Path("deploy", "kubernetes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	type command struct {
		Exec    struct{ Command []string }
		HTTPGet struct{ Path string } `yaml:"httpGet"`
	}
	var manifest struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Args           []string
						StartupProbe   command `yaml:"startupProbe"`
						ReadinessProbe command `yaml:"readinessProbe"`
						LivenessProbe  command `yaml:"livenessProbe"`
						Lifecycle      struct {
							PreStop command `yaml:"preStop"`
						}
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &manifest); err != nil { // the first document
		t.Fatal(err)
	}
	c := manifest.Spec.Template.Spec.Containers[0]
	s := newSite(t)
	kubelet := func(cmd command) string {
		t.Helper()
		words := cmd.Exec.Command
		if len(words) < 2 || words[0] != "/usr/local/bin/healpipe" {
			t.Fatalf("%q", words)
		}
		return s.run(binary, words[1:]...)
	}
	var args []string
	for _, a := range c.Args {
		args = append(args, strings.Replace(a, "0.0.0.0:9464", "127.0.0.1:0", 1))
	}
	worker := s.start(s.command(binary, args...))
	worker.await("ready.")
	for _, probe := range []command{c.StartupProbe, c.ReadinessProbe} {
		if out := kubelet(probe); !strings.Contains(out, "pong") || !strings.Contains(out, "1 node online") {
			t.Errorf("%s", out)
		}
	}
	url := strings.Replace(worker.metricsURL(worker.output), "/metrics", c.LivenessProbe.HTTPGet.Path, 1)
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", url, resp.Status)
	}
	kubelet(c.Lifecycle.PreStop)
	// The message that comes now stays in the queue.
	s.send("tasks.regrid_file", "ERA5_sfc", []string{"none.nc"})
	worker.stop()
	if n := s.redisInt(`r.llen("celery")`); n != 1 || strings.Contains(worker.output(), "received") {
		t.Errorf("%d messages in the queue", n)
	}
}
