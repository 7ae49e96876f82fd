package s3test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
)

// Fault is what the proxy does to one request. The zero value passes it on unharmed.
type Fault struct {
	Status int      // answer this at once, without asking the server
	Drop   []string // headers that the server does not get to see, as if it did not know them
	Cut    int64    // break the connection after so many bytes of the answer's body
	Stall  bool     // with Cut: go silent instead of breaking it, until the client leaves
	Lose   bool     // let the server do its work and break the connection without an answer
}

// Proxy stands before a Server and harms requests. Its clients are anonymous: the proxy signs for them,
// since it could not change what they had signed.
type Proxy struct {
	Endpoint string
	server   *url.URL

	mu    sync.Mutex
	fault func(*http.Request) Fault
	seen  []string
}

// StartProxy starts a proxy and stops it when the test ends.
func StartProxy(t testing.TB, server *Server) *Proxy {
	t.Helper()
	u, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{server: u}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.Endpoint = srv.URL
	return p
}

// Harm sets what happens to the requests from now on; nil is nothing. fault is called for one request at a time.
func (p *Proxy) Harm(fault func(*http.Request) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.seen = fault, nil
}

// Seen returns "METHOD path?query" of every request since the last Harm.
func (p *Proxy) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

func (p *Proxy) next(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, r.Method+" "+r.URL.RequestURI())
	if p.fault == nil {
		return Fault{}
	}
	return p.fault(r)
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := p.next(r)
	if f.Status != 0 {
		w.WriteHeader(f.Status)
		return
	}
	resp, err := p.forward(r, f.Drop)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	if f.Lose {
		_, _ = io.Copy(io.Discard, resp.Body)
		panic(http.ErrAbortHandler) // closes the connection
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	if f.Cut == 0 {
		_, _ = io.Copy(w, resp.Body)
		return
	}
	_, _ = io.CopyN(w, resp.Body, f.Cut)
	_ = http.NewResponseController(w).Flush()
	if f.Stall {
		<-r.Context().Done()
	}
	panic(http.ErrAbortHandler)
}

// forward signs a request and sends it to the server.
func (p *Proxy) forward(r *http.Request, drop []string) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host, out.Host = p.server.Scheme, p.server.Host, p.server.Host
	for _, name := range drop {
		out.Header.Del(name)
	}
	sign(out)
	return (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(out)
}
