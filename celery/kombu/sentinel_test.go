package kombu

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// Kombu and we behind sentinels, before and after the master is replaced while we consume.
func TestSentinel(t *testing.T) {
	t.Parallel()
	s := testenv.StartSentinels(t, "pw")
	url := s.URL(1, "pw")
	// The first one of the URL is away.
	url = "sentinel://:pw@" + testenv.FreeAddr(t) + "/1;" + url
	options := `{"master_name": "mymaster", "min_other_sentinels": 2}`
	c := connect(t, url+"?master_name=mymaster&min_other_sentinels=2")
	exchange(t, c, url, options)

	up := make(chan bool, 100)
	k := consume(t, c, ConsumerOptions{Connected: func(on bool) { up <- on }})
	sub, err := c.Subscribe(t.Context(), SubscribeOptions{Bindings: []FanoutBinding{{Exchange: "fan", RoutingKey: "#"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	<-up
	send(t, c, "q", "before")
	held := receive(t, k)
	if got := decoded(t, held.Message); got != "before" {
		t.Fatal(got)
	}
	for _, kill := range []bool{false, true} {
		old, _ := masterOf(t, c)
		if kill {
			master, second := s.Master, s.Second
			if second.Addr == old {
				master = second
			}
			master.Kill()
		} else {
			s.Failover(t)
		}
		testenv.WaitFor(t, 60*time.Second, "the sentinels to name a new master", func() bool {
			addr, err := masterOf(t, c)
			return err == nil && addr != old
		})
		began := time.Now()
		// What is published to the old master from now on would be lost, and is not our affair.
		testenv.WaitFor(t, 60*time.Second, "all connections to the old master to be cut", func() bool { return c.dial.masters.count(old) == 0 })
		for connected := false; !connected; {
			select {
			case connected = <-up:
			case <-time.After(60 * time.Second):
				t.Fatal("not connected again")
			}
		}
		m := &Message{}
		if err := m.Encode(fmt.Sprint("after ", kill), "json", ""); err != nil {
			t.Fatal(err)
		}
		if err := c.Publish(background(t), Exchange{}, "q", m); err != nil {
			t.Fatal(err)
		}
		d := receive(t, k)
		if got := decoded(t, d.Message); got != fmt.Sprint("after ", kill) {
			t.Fatalf("%v", got)
		}
		t.Logf("consuming %v after the sentinels' word", time.Since(began).Round(time.Millisecond))
		if err := d.AckWait(background(t)); err != nil {
			t.Error(err)
		}
		testenv.WaitFor(t, 20*time.Second, "the subscription to be back", func() bool {
			n, err := c.PublishCount(t.Context(), Exchange{Name: "fan"}, "k", m)
			return err == nil && n == 1
		})
	}
	// What was held all the time is acknowledged on the last of the masters.
	if err := held.AckWait(background(t)); err != nil {
		t.Error(err)
	}
	if n, err := c.do(t.Context(), true, "HLEN", "unacked"); err != nil || n != int64(0) {
		t.Errorf("unacked: %v %v", n, err)
	}
}

// count is the number of connections to an address.
func (m *masters) count(addr string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.open {
		if c.addr == addr {
			n++
		}
	}
	return n
}

func masterOf(t *testing.T, c *Connection) (string, error) {
	t.Helper()
	var err error
	for _, h := range c.target.hosts {
		var master host
		if master, err = c.dial.askSentinel(background(t), h); err == nil {
			return master.addr(), nil
		}
	}
	return "", err
}

// Settings that can't work say so in one line.
func TestSentinelErrors(t *testing.T) {
	t.Parallel()
	if _, err := Dial(t.Context(), "sentinel://127.0.0.1:1/0", Options{}); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "master_name") {
		t.Error(err)
	}
	server := testenv.StartRedis(t)
	o := Options{Transport: TransportOptions{MasterName: "m"}}
	_, err := Dial(t.Context(), "sentinel://"+server.Addr+";sentinel://"+testenv.FreeAddr(t), o)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
	t.Log(err)
}

// TestSentinelTLS: the sentinels are reached through TLS with a client's certificate (sentinel_kwargs), the master without, by
// Kombu and by us.
func TestSentinelTLS(t *testing.T) {
	t.Parallel()
	pem := testenv.NewCertificates(t)
	s := testenv.StartSentinels(t, "pw")
	url := s.URL(1, "pw")
	for _, addr := range s.Addrs {
		url = strings.ReplaceAll(url, addr, terminateTLS(t, pem, addr))
	}
	kwargs := map[string]any{"ssl": true, "ssl_ca_certs": pem.CA, "ssl_certfile": pem.Client, "ssl_keyfile": pem.ClientKey}
	open := func(kwargs map[string]any) (*Connection, error) {
		o, _, err := ParseTransportOptions(map[string]any{"master_name": "mymaster", "sentinel_kwargs": kwargs})
		if err != nil {
			t.Fatal(err)
		}
		return Dial(t.Context(), url, Options{Transport: o, ConnectTimeout: 20 * time.Second})
	}
	c, err := open(kwargs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	options, err := json.Marshal(map[string]any{"master_name": "mymaster", "sentinel_kwargs": kwargs})
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, c, url, string(options))

	for want, kwargs := range map[string]map[string]any{
		"does it want TLS": nil,
		"does the server want a client's certificate": {"ssl": true, "ssl_ca_certs": pem.CA},
		"name the authority's file with ssl_ca_certs": {"ssl": true, "ssl_ca_certs": pem.OtherCA, "ssl_certfile": pem.Client, "ssl_keyfile": pem.ClientKey},
	} {
		if c, err := open(kwargs); err == nil {
			c.Close()
			t.Errorf("connected with %v", kwargs)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", kwargs, err, want)
		}
	}
}

// terminateTLS serves an address with TLS, for clients with a certificate, and returns where.
func terminateTLS(t *testing.T, pem *testenv.Certificates, addr string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(pem.Server, pem.ServerKey)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(pem.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer client.Close()
				server, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				defer server.Close()
				defer context.AfterFunc(ctx, func() { client.Close(); server.Close() })()
				wg.Go(func() { _, _ = io.Copy(server, client); server.Close() })
				_, _ = io.Copy(client, server)
			})
		}
	})
	return l.Addr().String()
}
