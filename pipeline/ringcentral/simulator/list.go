package simulator

// listBody is a page of a list that tells its totals.
type listBody[T any] struct {
	URI        string     `json:"uri"`
	Records    []T        `json:"records"`
	Paging     pagingBody `json:"paging"`
	Navigation navigation `json:"navigation"`
}

// list cuts a page out of a whole list. It repeats some records of the pages before it, if a fault wants that.
func list[T any](all []T, p paging, back int, uri func(page int) string) listBody[T] {
	first := min(max(p.first()-back, 0), len(all))
	records := append([]T{}, all[first:min(first+p.perPage, len(all))]...)
	last, total := max((len(all)+p.perPage-1)/p.perPage, 1), len(all)
	l := listBody[T]{URI: uri(p.page), Records: records, Paging: p.body(len(records)),
		Navigation: p.navigation(first+len(records) < total, uri)}
	l.Paging.TotalPages, l.Paging.TotalElements = &last, &total
	l.Navigation.LastPage = &pageURI{uri(last)}
	return l
}

// listed answers with a page of a list that no fault makes drift.
func listed[T any](all []T, p paging, uri func(page int) string) *answer {
	return &answer{status: 200, body: encode(list(all, p, 0, uri))}
}
