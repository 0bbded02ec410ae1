package sinks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// What the real servers are started with. They listen on 127.0.0.1 only and keep nothing.
const (
	s3Key, s3Secret = "trunkline-tests", "not-a-secret-of-anybody"
	azureAccount    = "devstoreaccount1" // Azurite's own, which Microsoft publishes
	azureKey        = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// running are the servers that this test binary started.
var running struct {
	sync.Mutex
	ends []func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	running.Lock()
	defer running.Unlock()
	for _, end := range running.ends {
		end()
	}
	os.Exit(code)
}

// serve starts a server and waits until it listens. The shell ends it when this process ends, however that ends.
func serve(address string, env []string, name string, args ...string) error {
	logs, err := os.CreateTemp("", "trunkline-testserver-")
	if err != nil {
		return err
	}
	c := exec.Command("sh", append([]string{"-c", `"$@" </dev/null & cat >/dev/null; kill $!; wait`, "sh", name}, args...)...)
	c.Env = append(os.Environ(), env...)
	c.Stdout, c.Stderr = logs, logs
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	running.Lock()
	running.ends = append(running.ends, func() {
		_ = in.Close()
		_ = c.Wait() // its status is that of a killed server
		_ = os.Remove(logs.Name())
	})
	running.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
		time.Sleep(20 * time.Millisecond) // nothing tells when a foreign server listens
	}
	text, _ := os.ReadFile(logs.Name())
	return fmt.Errorf("%s does not listen on %s:\n%s", name, address, text)
}

func freeAddress() (host, port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer l.Close()
	return net.SplitHostPort(l.Addr().String())
}

// built returns the directory of the servers, after building them if they are not there in their pinned versions.
var built = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	pins := sha256.New()
	for _, name := range []string{"go.sum", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join("testservers", name))
		if err != nil {
			return "", err
		}
		pins.Write(b)
	}
	dir := filepath.Join(cache, "trunkline-testservers", hex.EncodeToString(pins.Sum(nil))[:16])
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return dir, nil
	}
	fmt.Println("building the servers of testservers into", dir, "takes minutes, once")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, errors.Join(build(dir), os.WriteFile(filepath.Join(dir, "complete"), nil, 0o666))
})

func build(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		if err := copyFile(filepath.Join(dir, name), filepath.Join("testservers", name)); err != nil {
			return err
		}
	}
	for _, command := range [][]string{
		{"go", "build", "-C", "testservers", "-o", dir + string(filepath.Separator), "github.com/versity/versitygw/cmd/versitygw", "github.com/fsouza/fake-gcs-server"},
		{"npm", "ci", "--prefix", dir, "--no-audit", "--no-fund", "--silent"},
	} {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err != nil {
			return errors.Join(fmt.Errorf("%v: %w\n%s", command, err, out), os.RemoveAll(dir))
		}
	}
	return nil
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, fs.FileMode(0o666))
}

// server is a running server: the URL of a bucket in it, without a prefix, and where it listens.
type server struct {
	url     string
	address string // host:port
}

var startS3 = sync.OnceValues(func() (server, error) {
	dir, err := built()
	if err != nil {
		return server{}, err
	}
	host, port, err := freeAddress()
	if err != nil {
		return server{}, err
	}
	data, err := os.MkdirTemp("", "trunkline-s3-")
	if err != nil {
		return server{}, err
	}
	running.Lock()
	running.ends = append(running.ends, func() { _ = os.RemoveAll(data) }) // before the server's end: it may write no more
	running.Unlock()
	address := net.JoinHostPort(host, port)
	err = serve(address, []string{"ROOT_ACCESS_KEY=" + s3Key, "ROOT_SECRET_KEY=" + s3Secret},
		filepath.Join(dir, "versitygw"), "--port", address, "posix", data)
	return server{"s3://lake?use_path_style=true&region=us-east-1&endpoint=http://" + address, address}, err
})

var startGCS = sync.OnceValues(func() (server, error) {
	dir, err := built()
	if err != nil {
		return server{}, err
	}
	host, port, err := freeAddress()
	if err != nil {
		return server{}, err
	}
	address := net.JoinHostPort(host, port)
	err = serve(address, nil, filepath.Join(dir, "fake-gcs-server"), "-backend", "memory", "-scheme", "http", "-host", host,
		"-port", port, "-public-host", address, "-log-level", "error")
	return server{"gs://lake", address}, err
})

var startAzure = sync.OnceValues(func() (server, error) {
	dir, err := built()
	if err != nil {
		return server{}, err
	}
	host, port, err := freeAddress()
	if err != nil {
		return server{}, err
	}
	address := net.JoinHostPort(host, port)
	err = serve(address, nil, filepath.Join(dir, "node_modules", ".bin", "azurite-blob"), "--inMemoryPersistence",
		"--skipApiVersionCheck", "--disableTelemetry", "--silent", "--blobHost", host, "--blobPort", port)
	return server{"azblob://lake?protocol=http&localemu=true&domain=" + address, address}, err
})

// discard reads what is left of a body, so that its connection is used again.
func discard(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, body)
	_ = body.Close()
}
