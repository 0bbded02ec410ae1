package simulator

import (
	"net/url"
	"strconv"
	"strings"
)

// paging is which page of which size a request asks for. Both lists number their pages from 1.
type paging struct{ page, perPage int }

type pagingBody struct {
	Page          int  `json:"page"`
	PerPage       int  `json:"perPage"`
	PageStart     *int `json:"pageStart,omitempty"` // 0-based index in the whole list; both absent on an empty page
	PageEnd       *int `json:"pageEnd,omitempty"`
	TotalPages    *int `json:"totalPages,omitempty"`
	TotalElements *int `json:"totalElements,omitempty"`
}

type navigation struct {
	FirstPage    *pageURI `json:"firstPage,omitempty"`
	PreviousPage *pageURI `json:"previousPage,omitempty"`
	NextPage     *pageURI `json:"nextPage,omitempty"`
	LastPage     *pageURI `json:"lastPage,omitempty"`
}

type pageURI struct {
	URI string `json:"uri"`
}

// maxPage is the highest page number that the published paging model knows.
const maxPage = 1000

func readPaging(values url.Values) (paging, *answer) {
	p := paging{page: 1, perPage: 100}
	if text := values.Get("page"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return p, invalid("page", text)
		}
		p.page = n
	}
	switch text := values.Get("perPage"); text {
	case "":
	case "max":
		p.perPage = 1000
	default:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return p, invalid("perPage", text)
		}
		p.perPage = min(n, 1000)
	}
	return p, nil
}

// first is the index of the page's first element in the whole list.
func (p paging) first() int { return (p.page - 1) * p.perPage }

func (p paging) query(page int) string {
	return "page=" + strconv.Itoa(page) + "&perPage=" + strconv.Itoa(p.perPage)
}

func (p paging) body(elements int) pagingBody {
	b := pagingBody{Page: p.page, PerPage: p.perPage}
	if elements > 0 {
		first := p.first()
		last := first + elements - 1
		b.PageStart, b.PageEnd = &first, &last
	}
	return b
}

func (p paging) navigation(more bool, uri func(page int) string) navigation {
	n := navigation{FirstPage: &pageURI{uri(1)}}
	if p.page > 1 {
		n.PreviousPage = &pageURI{uri(p.page - 1)}
	}
	if more && p.page < maxPage {
		n.NextPage = &pageURI{uri(p.page + 1)}
	}
	return n
}

// echo repeats parameters as they were given, each followed by an ampersand.
func echo(values url.Values, names ...string) string {
	var b strings.Builder
	for _, name := range names {
		for _, value := range values[name] {
			b.WriteString(name + "=" + escape(value) + "&")
		}
	}
	return b.String()
}

// escape leaves colons readable, as RingCentral's uris do.
func escape(value string) string {
	return strings.ReplaceAll(url.QueryEscape(value), "%3A", ":")
}
