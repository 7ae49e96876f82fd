package storage_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"healpipe/internal/s3test"
	"healpipe/storage"
)

// TestS3Credentials finds them in each of the places where AWS's own tools look. It sets the environment,
// so it cannot run beside other tests.
func TestS3Credentials(t *testing.T) {
	server := s3test.Start(t, "bkt")
	dir := t.TempDir()
	file := filepath.Join(dir, "credentials")
	text := fmt.Sprintf("[default]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n\n[archive]\naws_access_key_id = %s\naws_secret_access_key = %s\n", s3test.AccessKey, s3test.SecretKey)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	role := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"AccessKeyId": %q, "SecretAccessKey": %q, "Token": "", "Expiration": %q, "RoleArn": "task"}`,
			s3test.AccessKey, s3test.SecretKey, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(role.Close)
	// The metadata service of an instance, version 2: a token first, then the role's name, then its keys.
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const token = "a-token"
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			fmt.Fprint(w, token)
		case r.Header.Get("X-aws-ec2-metadata-token") != token:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/latest/meta-data/iam/security-credentials/":
			fmt.Fprint(w, "the-role")
		case r.URL.Path == "/latest/meta-data/iam/security-credentials/the-role":
			fmt.Fprintf(w, `{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": %q, "SecretAccessKey": %q, "Token": "", "Expiration": %q}`,
				s3test.AccessKey, s3test.SecretKey, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(instance.Close)
	// The token service, which takes the token of a Kubernetes service account.
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Form.Get("Action") != "AssumeRoleWithWebIdentity" || r.Form.Get("WebIdentityToken") != "jwt" || r.Form.Get("RoleArn") != "arn:aws:iam::1:role/era5" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>`+
			`<AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken></SessionToken><Expiration>%s</Expiration>`+
			`</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, s3test.AccessKey, s3test.SecretKey, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(sts.Close)
	jwt := filepath.Join(dir, "token")
	if err := os.WriteFile(jwt, []byte("jwt"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		env map[string]string
		opt storage.S3Options
	}{
		"environment":      {env: map[string]string{"AWS_ACCESS_KEY_ID": s3test.AccessKey, "AWS_SECRET_ACCESS_KEY": s3test.SecretKey}},
		"endpoint too":     {env: map[string]string{"AWS_ACCESS_KEY_ID": s3test.AccessKey, "AWS_SECRET_ACCESS_KEY": s3test.SecretKey, "AWS_ENDPOINT_URL": server.Endpoint, "AWS_REGION": s3test.Region}, opt: storage.S3Options{Endpoint: "-"}},
		"shared file":      {env: map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file, "AWS_PROFILE": "archive"}},
		"file by option":   {opt: storage.S3Options{CredentialsFile: file, CredentialsProfile: "archive"}},
		"option before":    {env: map[string]string{"AWS_ACCESS_KEY_ID": "wrong", "AWS_SECRET_ACCESS_KEY": "wrong"}, opt: storage.S3Options{CredentialsFile: file, CredentialsProfile: "archive"}},
		"role":             {env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": role.URL + "/role"}},
		"instance role":    {env: map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": instance.URL + "/"}},
		"service account":  {env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": jwt, "AWS_ROLE_ARN": "arn:aws:iam::1:role/era5", "AWS_ENDPOINT_URL_STS": sts.URL}},
		"keys before role": {env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1"}, opt: storage.S3Options{AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL_STS"} {
				t.Setenv(v, "")
			}
			t.Setenv("HOME", dir)
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			o := tt.opt
			switch o.Endpoint {
			case "":
				o.Endpoint = server.Endpoint
			case "-":
				o.Endpoint = ""
			}
			o.Patience = time.Second
			c, err := storage.NewS3Client(o)
			if err != nil {
				t.Fatal(err)
			}
			mustPut(t, s3Bucket(t, c, "bkt", ""), "k", []byte(name))
		})
	}
}

func TestS3OverTLS(t *testing.T) {
	t.Parallel()
	proxy := s3test.StartProxy(t, s3test.Start(t, "bkt"))
	front := httptest.NewTLSServer(proxy)
	t.Cleanup(front.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o666); err != nil {
		t.Fatal(err)
	}
	open := func(o storage.S3Options) *storage.S3 {
		o.Endpoint, o.Anonymous, o.Patience = front.URL, true, 10*time.Second
		c, err := storage.NewS3Client(o)
		if err != nil {
			t.Fatal(err)
		}
		return s3Bucket(t, c, "bkt", "")
	}
	mustPut(t, open(storage.S3Options{CAFile: ca}), "k", []byte("by the CA file"))
	mustPut(t, open(storage.S3Options{SkipVerify: true}), "k", []byte("unchecked"))
	_, _, err := open(storage.S3Options{}).Get(t.Context(), "k")
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
}
