package storetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// What the servers are started with. They keep nothing.
const (
	s3Key, s3Secret = "trunkline-tests", "not-a-secret-of-anybody"
	azureAccount    = "devstoreaccount1" // Azurite's own, which Microsoft publishes
	azureKey        = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
	bucketName      = "lake"
)

// running are the servers that this test binary started.
var running struct {
	sync.Mutex
	ends []func()
}

func atEnd(end func()) {
	running.Lock()
	defer running.Unlock()
	running.ends = append(running.ends, end)
}

// End ends the servers that were started and removes what they kept. TestMain calls it after the tests.
func End() {
	running.Lock()
	defer running.Unlock()
	for _, end := range slices.Backward(running.ends) {
		end()
	}
	running.ends = nil
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
	atEnd(func() {
		_ = in.Close()
		_ = c.Wait() // its status is that of a killed server
		_ = logs.Close()
		_ = os.Remove(logs.Name())
	})
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

// FreeAddress returns a host:port of 127.0.0.1 on which nothing listened just now.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// prepare finds the directory of the servers, and an address for one.
func prepare() (dir, address, host, port string, err error) {
	if dir, err = built(); err != nil {
		return
	}
	if address, err = FreeAddress(); err != nil {
		return
	}
	host, port, err = net.SplitHostPort(address)
	return
}

var startS3 = sync.OnceValues(func() (Store, error) {
	dir, address, _, _, err := prepare()
	if err != nil {
		return Store{}, err
	}
	data, err := os.MkdirTemp("", "trunkline-s3-")
	if err != nil {
		return Store{}, err
	}
	atEnd(func() { _ = os.RemoveAll(data) })
	err = serve(address, []string{"ROOT_ACCESS_KEY=" + s3Key, "ROOT_SECRET_KEY=" + s3Secret},
		filepath.Join(dir, "versitygw"), "--port", address, "posix", data)
	return Store{
		Name: "s3", Address: address, URL: "s3://" + bucketName + "?use_path_style=true&region=us-east-1&endpoint=http://" + address,
		Env: []string{"AWS_ACCESS_KEY_ID=" + s3Key, "AWS_SECRET_ACCESS_KEY=" + s3Secret, "AWS_EC2_METADATA_DISABLED=true"},
	}, err
})

var startGCS = sync.OnceValues(func() (Store, error) {
	dir, address, host, port, err := prepare()
	if err != nil {
		return Store{}, err
	}
	err = serve(address, nil, filepath.Join(dir, "fake-gcs-server"), "-backend", "memory", "-scheme", "http", "-host", host,
		"-port", port, "-public-host", address, "-log-level", "error")
	return Store{Name: "gcs", Address: address, URL: "gs://" + bucketName, Env: []string{"STORAGE_EMULATOR_HOST=" + address}}, err
})

var startAzure = sync.OnceValues(func() (Store, error) {
	dir, address, host, port, err := prepare()
	if err != nil {
		return Store{}, err
	}
	err = serve(address, nil, filepath.Join(dir, "node_modules", ".bin", "azurite-blob"), "--inMemoryPersistence",
		"--skipApiVersionCheck", "--disableTelemetry", "--silent", "--blobHost", host, "--blobPort", port)
	return Store{
		Name: "azure", Address: address, URL: "azblob://" + bucketName + "?protocol=http&localemu=true&domain=" + address,
		Env: []string{"AZURE_STORAGE_ACCOUNT=" + azureAccount, "AZURE_STORAGE_KEY=" + azureKey},
	}, err
})
