package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// C2SP tlog-tiles.

const (
	tileWidth    = 256
	levelEntries = -1
	maxBundle    = tileWidth * (2 + maxStatement)
)

type tile struct {
	level int // levelEntries: a bundle
	index uint64
	width int
}

func (t tile) path() string {
	level, digits := strconv.Itoa(t.level), fmt.Sprintf("%03d", t.index%1000)
	if t.level == levelEntries {
		level = "entries"
	}
	for n := t.index / 1000; n > 0; n /= 1000 {
		digits = fmt.Sprintf("x%03d/", n%1000) + digits
	}
	if t.width < tileWidth {
		digits += ".p/" + strconv.Itoa(t.width)
	}
	return "tile/" + level + "/" + digits
}

// parseTilePath: the one path of a tile, nothing else.
func parseTilePath(s string) (t tile, ok bool) {
	rest, isTile := strings.CutPrefix(s, "tile/")
	level, rest, slash := strings.Cut(rest, "/")
	n, levelOk := decimal(level)
	t.level, t.width = int(n), tileWidth
	if level == "entries" {
		t.level, levelOk = levelEntries, true
	}
	digits, width, partial := strings.Cut(rest, ".p/")
	if partial {
		w, good := decimal(width)
		if !good || w < 1 || w >= tileWidth {
			return t, false
		}
		t.width = int(w)
	}
	digits = strings.ReplaceAll(strings.ReplaceAll(digits, "/", ""), "x", "")
	index, err := strconv.ParseUint(digits, 10, 64)
	t.index = index
	return t, isTile && slash && levelOk && t.level <= 63 && err == nil && index <= maxNumber && t.path() == s
}

// parseBundle cuts a bundle into exactly this many entries.
func parseBundle(b []byte, width int) ([][]byte, bool) {
	var entries [][]byte
	for len(b) >= 2 {
		n := int(binary.BigEndian.Uint16(b)) + 2
		if len(b) < n {
			return nil, false
		}
		entries = append(entries, b[2:n:n])
		b = b[n:]
	}
	return entries, len(b) == 0 && len(entries) == width && width >= 1 && width <= tileWidth
}

var errMissing = errors.New("it is not there")

// source is a published log: a folder or the URL that stands before /checkpoint.
type source func(path string, limit int64) ([]byte, error)

func openSource(where string) source {
	if !strings.HasPrefix(where, "http://") && !strings.HasPrefix(where, "https://") {
		return func(path string, limit int64) ([]byte, error) {
			name := filepath.Join(where, filepath.FromSlash(path))
			if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
				return nil, errMissing
			}
			file, err := os.Open(name)
			if err != nil {
				return nil, err
			}
			defer file.Close()
			return readUpTo(file, limit)
		}
	}
	client := &http.Client{Timeout: 30 * time.Second}
	return func(path string, limit int64) ([]byte, error) {
		answer, err := client.Get(strings.TrimSuffix(where, "/") + "/" + path)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode == http.StatusNotFound {
			return nil, errMissing
		}
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("the server answered %s", answer.Status)
		}
		return readUpTo(answer.Body, limit)
	}
}

// readUpTo gives one byte more than the limit where there is more: every length check then fails.
func readUpTo(r io.Reader, limit int64) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, limit+1))
}

// fetch gives a tile's bytes. Where a partial one is gone the log has the full one, of which the first part is meant.
func (get source) fetch(t tile) (bytes []byte, full bool, err error) {
	bytes, err = get(t.path(), maxBundle)
	if t.width < tileWidth && errors.Is(err, errMissing) {
		bytes, err = get(tile{t.level, t.index, tileWidth}.path(), maxBundle)
		return bytes, true, err
	}
	return bytes, t.width == tileWidth, err
}
