package storage_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"healpipe/internal/s3test"
	"healpipe/storage"
)

// TestS3NamedProfiles are profiles of AWS's own files other than plain keys. It sets the environment.
func TestS3NamedProfiles(t *testing.T) {
	server := s3test.Start(t, "bkt")
	dir := t.TempDir()
	program := filepath.Join(dir, "keys")
	script := fmt.Sprintf("#!/bin/sh\ntest \"$1\" = fail && { echo the-secret; exit 3; }\necho '{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", \"Expiration\": \"2999-01-01T00:00:00Z\"}'\n", s3test.AccessKey, s3test.SecretKey)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	config := "[profile process]\ncredential_process = " + program + " now\n[profile broken]\ncredential_process = " + program + " fail\n" +
		"[profile role]\nrole_arn = arn:aws:iam::1:role/era5\nsource_profile = base\n[profile base]\naws_access_key_id = a\naws_secret_access_key = the-secret\n" +
		"[profile sso]\nsso_start_url = https://example.org/start\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = reader\n"
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} {
		t.Setenv(v, "")
	}
	t.Setenv("HOME", dir)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	for profile, want := range map[string]string{
		"process": "",
		"broken":  `the AWS profile "broken" gives no keys: its credential_process failed: exit status 3`,
		"role":    `the AWS profile "role" gives no keys: no keys in it; one with role_arn or source_profile needs the line credential_process = aws configure export-credentials --profile NAME --format process`,
		"sso":     `the AWS profile "sso" gives no keys: `,
		"nowhere": `the AWS profile "nowhere" gives no keys: section "nowhere" does not exist`,
	} {
		t.Setenv("AWS_PROFILE", profile)
		c, err := storage.NewS3Client(storage.S3Options{Endpoint: server.Endpoint, Region: s3test.Region, Patience: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s3Bucket(t, c, "bkt", "").Put(t.Context(), "k", nil, storage.Condition{})
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "the-secret")) {
			t.Errorf("%s: %v\nwant %s", profile, err, want)
		}
	}
}

// TestS3KeysExpire has a role whose keys last for a moment: later requests are signed with newer ones.
func TestS3KeysExpire(t *testing.T) {
	server := s3test.Start(t, "bkt")
	var asked atomic.Int32
	role := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprintf(w, `{"AccessKeyId": %q, "SecretAccessKey": %q, "Token": "", "Expiration": %q, "RoleArn": "task"}`,
			s3test.AccessKey, s3test.SecretKey, time.Now().Add(time.Millisecond).UTC().Format(time.RFC3339Nano))
	}))
	t.Cleanup(role.Close)
	for _, v := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		t.Setenv(v, "")
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.URL+"/role")
	c, err := storage.NewS3Client(storage.S3Options{Endpoint: server.Endpoint, Region: s3test.Region})
	if err != nil {
		t.Fatal(err)
	}
	st := s3Bucket(t, c, "bkt", "")
	for i := range 3 {
		mustPut(t, st, fmt.Sprint(i), nil)
	}
	if n := asked.Load(); n < 3 {
		t.Errorf("the role was asked %d times", n)
	}
}

// TestS3ServiceAnswers gives the errors of services words of their own.
func TestS3ServiceAnswers(t *testing.T) {
	t.Parallel()
	for code, tt := range map[string]struct {
		status int
		more   string
		cause  error
		want   string
	}{
		"RequestTimeTooSkewed":         {403, "", fs.ErrPermission, "this machine's clock differs too much from the service's (RequestTimeTooSkewed): set it, for example by NTP"},
		"ExpiredToken":                 {400, "", fs.ErrPermission, "the service refuses the credentials (ExpiredToken): check the profile's keys and region"},
		"AccessDenied":                 {403, "", fs.ErrPermission, "the service denies access with these credentials (AccessDenied); without the right to list the bucket it says so of missing objects too"},
		"PermanentRedirect":            {301, "<Endpoint>s3.eu-west-1.example.org</Endpoint>", nil, "the bucket is in another region (301 PermanentRedirect): correct region and endpoint of the profile"},
		"AuthorizationHeaderMalformed": {400, "<Region>eu-west-1</Region>", nil, "the bucket is in another region, eu-west-1 (400 AuthorizationHeaderMalformed): correct region and endpoint of the profile"},
		"XMinioStorageFull":            {507, "", storage.ErrDiskFull, "no space left: free some, raise the quota, or write elsewhere (said the service)"},
		"OddAnswer":                    {418, "", nil, "the service answers 418 OddAnswer: said the service"},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.status)
				if r.Method != http.MethodHead {
					fmt.Fprintf(w, `<Error><Code>%s</Code><Message>said the service.</Message>%s</Error>`, code, tt.more)
				}
			}))
			t.Cleanup(service.Close)
			c, err := storage.NewS3Client(storage.S3Options{Endpoint: service.URL, Region: s3test.Region, AccessKey: "k", SecretKey: "the-secret", Patience: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			st := s3Bucket(t, c, "bkt", "")
			_, _, getErr := st.Get(t.Context(), "k")
			_, putErr := st.Put(t.Context(), "k", nil, storage.Condition{})
			for _, err := range []error{getErr, putErr, st.List(t.Context(), "", nil)} {
				if err == nil || tt.cause != nil && !errors.Is(err, tt.cause) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "the-secret") {
					t.Errorf("%v\nwant %s", err, tt.want)
				}
			}
		})
	}
}

// TestS3WriteOptions looks at the headers of writes.
func TestS3WriteOptions(t *testing.T) {
	t.Parallel()
	headers := make(chan http.Header, 1)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		headers <- r.Header
		w.Header().Set("ETag", `"x"`)
	}))
	t.Cleanup(service.Close)
	o := storage.S3Options{Endpoint: service.URL, Region: s3test.Region, AccessKey: "k", SecretKey: "s", ACL: "bucket-owner-full-control", StorageClass: "STANDARD_IA", Encryption: "aws:kms", EncryptionKey: "key-1"}
	c, err := storage.NewS3Client(o)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s3Bucket(t, c, "bkt", ""), "k", nil)
	h := <-headers
	got := []string{h.Get("X-Amz-Acl"), h.Get("X-Amz-Storage-Class"), h.Get("X-Amz-Server-Side-Encryption"), h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")}
	if !slices.Equal(got, []string{o.ACL, o.StorageClass, o.Encryption, o.EncryptionKey}) {
		t.Errorf("%q", got)
	}
	if _, err := storage.NewS3Client(storage.S3Options{Encryption: "odd"}); err == nil {
		t.Error("an encryption that there is not")
	}
}

// TestS3Listings lists more than one answer holds, with an answer that is cut off, past markers of folders, empty
// objects, and names that differ by case only.
func TestS3Listings(t *testing.T) { onEach(t, listings) }

func listings(t *testing.T, start starter) {
	st, proxy, server := faulty(t, start)
	want := []string{"tree/a", "tree/A", "tree/b c+d%20e", "tree/z"}
	for _, key := range want {
		mustPut(t, st, key, nil)
	}
	const many = 1050 // one answer has 1000
	for i := range many {
		key := fmt.Sprintf("tree/n/%04d", i)
		want = append(want, key)
		if server.Dir == "" {
			mustPut(t, st, key, nil)
			continue
		}
		name := filepath.Join(server.Dir, "bkt", filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, marker := range []string{"tree/", "tree/folder/"} {
		req, err := http.NewRequest(http.MethodPut, proxy.Endpoint+"/bkt/"+marker, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", resp, err)
		}
		resp.Body.Close()
	}
	slices.Sort(want)
	cut := 0
	proxy.Harm(func(r *http.Request) s3test.Fault {
		if cut++; cut == 1 || cut == 3 { // one answer of each half
			return s3test.Fault{Cut: 5000}
		}
		return s3test.Fault{}
	})
	var got []string
	if err := st.List(t.Context(), "tree/", func(i storage.Info) error { got = append(got, i.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d objects, want %d: %.200q", len(got), len(want), got)
	}
	if cut < 4 {
		t.Errorf("%d requests", cut)
	}
}
