// Package ringcentral reads a RingCentral account: it logs in, keeps to the permitted rate, and yields the
// pages of the call log as they were received.
//
// What it promises:
//
//   - A good guest. All goroutines of a Client share one gate, which learns the rate from RingCentral's
//     answers and sends nothing during a penalty. As long as nobody else uses the same user and
//     application, no answer is a 429.
//   - Bounded. A request is tried a limited number of times; then the error says what was tried and
//     whether it may succeed later. A page is held in memory once, whole.
//   - Whole pages only. A body that is cut short, malformed, without records or that repeats an earlier
//     page is an error with the page's number and RingCentral's request id, never data.
//   - Discreet. Secrets appear in no error, log line or printed value, even where the server echoes
//     them. Token and password go to the configured scheme, host and port only; plain http is for
//     loopback.
//
// What it does not know: what a record means, which of two pages that show the same call is right, and
// whether the log is complete: RingCentral appends late and forgets after months.
//
// Facts about the API are from RingCentral's public API reference and developer guides,
// https://developers.ringcentral.com.
package ringcentral
