package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// pinned finds the directory sinks/testservers of this repository above the directory of the test.
func pinned() (string, error) {
	at, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	for {
		dir := filepath.Join(at, "sinks", "testservers")
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if at == filepath.Dir(at) {
			return "", errors.New("sinks/testservers, which pins the servers, is in no directory above this one: run the tests in the repository")
		}
		at = filepath.Dir(at)
	}
}

// built returns the directory of the servers, after building them if they are not there in their pinned versions.
var built = sync.OnceValues(func() (string, error) {
	from, err := pinned()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	pins := sha256.New()
	for _, name := range []string{"go.sum", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return "", err
		}
		pins.Write(b)
	}
	dir := filepath.Join(cache, "trunkline-testservers", hex.EncodeToString(pins.Sum(nil))[:16])
	if isComplete(dir) {
		return dir, nil
	}
	fmt.Println("building the servers of", from, "into", dir, "takes minutes, once")
	return dir, buildInto(dir, from)
})

// complete is the name of a file that says that a directory has all servers.
const complete = "complete"

func isComplete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, complete))
	return err == nil
}

// buildInto builds beside the directory and moves the whole there, since the tests of other packages may be building, too.
func buildInto(dir, from string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	beside, err := os.MkdirTemp(filepath.Dir(dir), "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(beside)
	if err := build(beside, from); err != nil {
		return err
	}
	if err := os.Rename(beside, dir); err == nil || isComplete(dir) {
		return nil
	}
	return errors.Join(os.RemoveAll(dir), os.Rename(beside, dir)) // what was there had been left half-built
}

func build(dir, from string) error {
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			return err
		}
	}
	for _, command := range [][]string{
		{"go", "build", "-C", from, "-o", dir + string(filepath.Separator), "github.com/versity/versitygw/cmd/versitygw", "github.com/fsouza/fake-gcs-server"},
		{"npm", "ci", "--prefix", dir, "--no-audit", "--no-fund", "--silent"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", command, err, out)
		}
	}
	return os.WriteFile(filepath.Join(dir, complete), nil, 0o666)
}
