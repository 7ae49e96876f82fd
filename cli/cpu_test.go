package cli

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// TestProcessorQuota reads control groups of both versions, of this namespace and of another, as kernels show them.
func TestProcessorQuota(t *testing.T) {
	t.Parallel()
	const v1Mount = "30 25 0:27 %s /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n29 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	const v2Mount = "29 22 0:26 %s /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
	for name, tt := range map[string]struct {
		groups, mounts string
		files          map[string]string
		want           float64
	}{
		"none":                {"", "", nil, math.Inf(1)},
		"version 2":           {"0::/pod/box\n", fmt.Sprintf(v2Mount, "/"), map[string]string{"sys/fs/cgroup/pod/box/cpu.max": "50000 100000\n"}, 0.5},
		"no limit":            {"0::/pod/box\n", fmt.Sprintf(v2Mount, "/"), map[string]string{"sys/fs/cgroup/pod/box/cpu.max": "max 100000\n"}, math.Inf(1)},
		"the group above":     {"0::/pod/box\n", fmt.Sprintf(v2Mount, "/"), map[string]string{"sys/fs/cgroup/pod/cpu.max": "100000 100000\n", "sys/fs/cgroup/pod/box/cpu.max": "400000 100000\n"}, 1},
		"its own namespace":   {"0::/\n", fmt.Sprintf(v2Mount, "/"), map[string]string{"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5},
		"another's namespace": {"0::/../../pod/box\n", fmt.Sprintf(v2Mount, "/pod/box"), map[string]string{"sys/fs/cgroup/cpu.max": "25000 100000\n"}, 0.25},
		"version 1":           {"4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n0::/\n", fmt.Sprintf(v1Mount, "/"), map[string]string{"sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "80000\n", "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n"}, 0.8},
		"version 1, no limit": {"4:cpu,cpuacct:/\n", fmt.Sprintf(v1Mount, "/"), map[string]string{"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, math.Inf(1)},
		"version 1, bound":    {"4:cpu,cpuacct:/docker/x\n", fmt.Sprintf(v1Mount, "/docker/x"), map[string]string{"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"}, 2},
		"not understood":      {"x\n0::/a\n", "- - -\n" + fmt.Sprintf(v2Mount, "/"), map[string]string{"sys/fs/cgroup/a/cpu.max": "many few\n"}, math.Inf(1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			files := map[string]string{"proc/self/cgroup": tt.groups, "proc/self/mountinfo": tt.mounts}
			for k, v := range tt.files {
				files[k] = v
			}
			for file, text := range files {
				path := filepath.Join(root, filepath.FromSlash(file))
				if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if got := processorQuota(root); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
