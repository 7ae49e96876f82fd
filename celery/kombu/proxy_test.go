package kombu

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// proxy stands between a client and a server and can fail in ways that a socket does not tell of.
type proxy struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	pipes []*pipe
	cut   []byte // the reply to the next request that contains this is dropped, with the connection
	cuts  int
	wait  sync.WaitGroup
}

// pipe is one connection through the proxy.
type pipe struct {
	client, server net.Conn
	mute           bool // swallows everything in both directions
	drop           bool // ends the connection instead of handing on the next reply
	waits          bool // has carried a BLMOVE
}

func startProxy(t testing.TB, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: server}
	p.wait.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.pipes {
			c.client.Close()
			c.server.Close()
		}
		p.mu.Unlock()
		p.wait.Wait()
	})
	return p
}

func (p *proxy) url() string { return "redis://" + p.listener.Addr().String() + "/0" }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			continue
		}
		c := &pipe{client: client, server: server}
		p.mu.Lock()
		p.pipes = append(p.pipes, c)
		p.mu.Unlock()
		p.wait.Go(func() { p.copy(c, server, client, true) })
		p.wait.Go(func() { p.copy(c, client, server, false) })
	}
}

func (p *proxy) copy(c *pipe, to, from net.Conn, request bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		if request && p.cut != nil && bytes.Contains(buf[:n], p.cut) {
			p.cut, c.drop = nil, true
			p.cuts++
		}
		c.waits = c.waits || request && bytes.Contains(buf[:n], []byte("BLMOVE"))
		mute, drop := c.mute, c.drop && !request
		p.mu.Unlock()
		if drop {
			return
		}
		if mute {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// halfOpen makes all present connections dead without closing them, as a router that has forgotten them does. New ones
// work.
func (p *proxy) halfOpen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.pipes {
		c.mute = true
	}
}

// halfOpenWaiting does the same with the connections that wait for messages alone, and reports whether there were any.
func (p *proxy) halfOpenWaiting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	some := false
	for _, c := range p.pipes {
		if c.waits {
			c.mute, some = true, true
		}
	}
	return some
}

// cutReply drops the reply to the next request that contains a text.
func (p *proxy) cutReply(request string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = []byte(request)
}

func (p *proxy) cutCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}
