package tests

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"healpipe/internal/s3test"
)

// TestS3Addressing reaches a service through an HTTP proxy, which alone knows the service's name, with the bucket in the
// path and in the host's name.
func TestS3Addressing(t *testing.T) {
	t.Parallel()
	const domain = "s3.example.test"
	service := s3test.StartDomain(t, domain, "era5")
	target, err := url.Parse(service.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var hosts []string
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which is signed
		r.Out.URL.Path, r.Out.URL.RawPath, r.Out.URL.RawQuery = r.In.URL.Path, r.In.URL.RawPath, r.In.URL.RawQuery
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hosts = append(hosts, r.Host)
		mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	name := "e5.oper.an.sfc.128_167_2t.ll025sc.2000010100_2000013123.nc"
	if err := os.MkdirAll(filepath.Join(service.Dir, "era5", "sfc", "200001"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(service.Dir, "era5", "sfc", "200001", name), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	for style, host := range map[string]string{"true": domain, "false": "era5." + domain} {
		s.write("rclone.conf", fmt.Sprintf("[archive]\ntype = s3\nprovider = Other\nendpoint = http://%s\nregion = %s\naccess_key_id = %s\nsecret_access_key = %s\nforce_path_style = %s\n",
			domain, s3test.Region, s3test.AccessKey, s3test.SecretKey, style))
		mu.Lock()
		hosts = nil
		mu.Unlock()
		cmd := s.command(binary, "index", "create", "-")
		cmd.Env = append(cmd.Env, "RCLONE_CONFIG="+s.path("rclone.conf"), "HEALPIPE_ERA5_PROFILE=archive", "HEALPIPE_ERA5_ROOTS=era5/sfc",
			"HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=")
		out, err := cmd.CombinedOutput()
		if want := "era5/sfc/200001/" + name + ",128,167,2t,"; err != nil || !strings.Contains(string(out), want) {
			t.Errorf("force_path_style = %s: %v\n%s", style, err, out)
		}
		mu.Lock()
		seen := slices.Compact(slices.Clone(hosts))
		mu.Unlock()
		if !slices.Equal(seen, []string{host}) {
			t.Errorf("force_path_style = %s: asked %q", style, seen)
		}
	}
}
