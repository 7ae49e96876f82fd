package kombu

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// setTLS reads the ssl_ parameters of a URL. Unlike Kombu, which then trusts anybody, rediss:// without
// ssl_cert_reqs verifies the server's certificate.
func (t *target) setTLS(values url.Values) error {
	m := map[string]any{}
	for k := range values {
		if strings.HasPrefix(k, "ssl_") {
			m[k] = values.Get(k)
		}
	}
	if len(m) == 0 && t.scheme != "rediss" {
		return nil
	}
	o, err := parseTLSOptions(m)
	t.tls = o
	return err
}

func parseTLSOptions(m map[string]any) (*TLSOptions, error) {
	o := &TLSOptions{}
	for k, v := range m {
		text, isText := v.(string)
		switch k {
		case "ssl_cert_reqs":
			reqs := strings.TrimPrefix(strings.ToLower(fmt.Sprint(v)), "cert_")
			switch reqs {
			case "required", "optional", "2", "1", "verifymode.cert_required", "verifymode.cert_optional":
			case "none", "0", "<nil>", "verifymode.cert_none":
				o.InsecureSkipVerify = true
			default:
				return nil, fmt.Errorf("%w: ssl_cert_reqs is required, optional or none, not %v", ErrConfig, v)
			}
			continue
		case "ssl_check_hostname":
			b, isBool := v.(bool)
			o.SkipHostname = isBool && !b || isText && strings.EqualFold(text, "false")
			continue
		}
		if v != nil && !isText {
			return nil, fmt.Errorf("%w: %s must be text, not %T", ErrConfig, k, v)
		}
		switch k {
		case "ssl_ca_certs":
			o.CAFile = text
		case "ssl_ca_path":
			o.CADir = text
		case "ssl_ca_data":
			o.CAData = text
		case "ssl_certfile":
			o.CertFile = text
		case "ssl_keyfile":
			o.KeyFile = text
		default:
			return nil, fmt.Errorf("%w: TLS option %s is not supported", ErrConfig, k)
		}
	}
	return o, nil
}

// config builds the handshake's settings for a host.
func (o *TLSOptions) config(hostname string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: hostname}
	if o.ServerName != "" {
		c.ServerName = o.ServerName
	}
	if o.CAFile != "" || o.CADir != "" || o.CAData != "" {
		var err error
		if c.RootCAs, err = o.roots(); err != nil {
			return nil, err
		}
	}
	if o.CertFile != "" {
		key := o.KeyFile
		if key == "" {
			key = o.CertFile
		}
		pair, err := tls.LoadX509KeyPair(o.CertFile, key)
		if err != nil {
			return nil, fmt.Errorf("%w: ssl_certfile: %w", ErrConfig, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if o.InsecureSkipVerify {
		c.InsecureSkipVerify = true
	} else if o.SkipHostname {
		// The chain is verified below; only the name is not.
		c.InsecureSkipVerify = true
		roots := c.RootCAs
		c.VerifyConnection = func(s tls.ConnectionState) error {
			v := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, cert := range s.PeerCertificates[1:] {
				v.Intermediates.AddCert(cert)
			}
			_, err := s.PeerCertificates[0].Verify(v)
			return err
		}
	}
	return c, nil
}

// roots reads the authorities.
func (o *TLSOptions) roots() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("%w: ssl_ca_certs: %w", ErrConfig, err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: ssl_ca_certs: no certificate in %s", ErrConfig, o.CAFile)
		}
	}
	if o.CAData != "" && !pool.AppendCertsFromPEM([]byte(o.CAData)) {
		return nil, fmt.Errorf("%w: ssl_ca_data holds no certificate in PEM form", ErrConfig)
	}
	if o.CADir != "" {
		entries, err := os.ReadDir(o.CADir)
		if err != nil {
			return nil, fmt.Errorf("%w: ssl_ca_path: %w", ErrConfig, err)
		}
		found := false
		for _, e := range entries {
			pem, err := os.ReadFile(filepath.Join(o.CADir, e.Name()))
			found = err == nil && pool.AppendCertsFromPEM(pem) || found
		}
		if !found {
			return nil, fmt.Errorf("%w: ssl_ca_path: no certificate in a file of %s", ErrConfig, o.CADir)
		}
	}
	return pool, nil
}
