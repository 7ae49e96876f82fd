package kombu

import (
	"errors"
	"net"
	"syscall"

	"github.com/gomodule/redigo/redis"
)

// errEnded is the end of a connection that was found before anything was sent on it.
var errEnded = errors.New("the connection has ended")

// socketConn is a connection that knows its socket.
type socketConn struct {
	fullConn
	socket syscall.RawConn
}

// fullConn is what redigo's connections are.
type fullConn interface {
	redis.Conn
	redis.ConnWithTimeout
	redis.ConnWithContext
}

// withSocket keeps the socket of nc beside the connection that is made of it.
func withSocket(c redis.Conn, nc net.Conn) redis.Conn {
	full, ok := c.(fullConn)
	if s, is := nc.(syscall.Conn); ok && is {
		if socket, err := s.SyscallConn(); err == nil {
			return &socketConn{full, socket}
		}
	}
	return c
}

// hasEnded reports whether the peer, or we, have closed a connection, without waiting and without taking anything from it.
func hasEnded(c redis.Conn) bool {
	s, ok := c.(*socketConn)
	if !ok {
		return false
	}
	ended := false
	err := s.socket.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ended = err == nil && n == 0 || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
	return ended || err != nil
}
