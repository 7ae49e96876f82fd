package deploy

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
)

// TestCompose loads the compose file as docker compose does: schema, interpolation, consistency.
func TestCompose(t *testing.T) {
	o, err := cli.NewProjectOptions([]string{filepath.Join("..", "..", "deploy", "compose.yaml")}, cli.WithEnv([]string{"SITE=/data/site", "UID=1000", "GID=1001"}), cli.WithName("healpipe"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if names := p.ServiceNames(); !slices.Equal(names, []string{"flower", "redis", "worker"}) {
		t.Fatalf("%q", names)
	}
	w := p.Services["worker"]
	if w.User != "1000:1001" || !w.ReadOnly || len(w.Tmpfs) != 1 || !slices.Equal(w.CapDrop, []string{"ALL"}) || w.HealthCheck == nil {
		t.Errorf("worker: %+v", w)
	}
	if w.StopGracePeriod == nil || time.Duration(*w.StopGracePeriod) < 10*time.Minute {
		t.Errorf("the worker's tasks have %v to end", w.StopGracePeriod)
	}
	if len(w.Volumes) != 1 || w.Volumes[0].Source != "/data/site" || w.Volumes[0].Target != "/site" {
		t.Errorf("worker: %+v", w.Volumes)
	}
	if b := w.Build; b == nil || b.Dockerfile != "deploy/Dockerfile" {
		t.Errorf("worker: %+v", b)
	} else if _, err := filepath.Glob(filepath.Join(b.Context, b.Dockerfile)); err != nil {
		t.Error(err)
	}
	if c := p.Services["redis"].Command; !slices.Contains(c, "noeviction") {
		t.Errorf("redis: %q", c)
	}
	for _, s := range p.Services {
		if s.Restart != "unless-stopped" {
			t.Errorf("%s: restart %q", s.Name, s.Restart)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s is open to the network: %+v", s.Name, port)
			}
		}
	}
}
