// Package ringcentral reads a RingCentral account: it logs in, keeps to the permitted rate, and yields the
// pages of the call log, of the messages and of the directory as they were received, and the recordings as they come.
//
// What it promises:
//
//   - A good guest. All goroutines of a Client share one gate, which learns the rate from RingCentral's
//     answers and sends nothing during a penalty. As long as nobody else uses the same user and
//     application, no answer is a 429. It can be told to leave a part of the rate to others
//     (Options.RateShare), how many processes share it (SetHolders) and of a penalty that another one
//     earned (HoldUntil); it tells of its own (Options.OnPenalty). That they tell each other is not its task.
//   - Bounded. A request is tried a limited number of times, whatever goes wrong with it: refusals for a
//     while, connections that break, bodies that are cut short or somebody else's, pages that repeat an earlier
//     one. Then the error says what was tried and whether it may succeed later. A session that is
//     taken away again and again is given up. A page is held in memory once, whole; a recording is not held,
//     and given up when nothing of it comes for a while.
//   - Whole pages only. A body that is cut short, malformed, without records or that repeats an earlier
//     page, and a page of the change feed that does not say where it goes on, is an error with the page's
//     number and RingCentral's request id, never data.
//   - Discreet. Secrets appear in no error, log line or printed value, even where the server echoes
//     them. Password and token go to the configured scheme, host and port only, and the token to those of its media
//     host; plain http is for loopback. Of an address that a record has only the path is used, if it is a recording's. Sync tokens are in no error, log line or query either, but in the pages that carry them.
//
// There are two ways to the records of the call log. CallLog reads the calls of a window, by the time at which they began, and
// sees what RingCentral says of them now. Changes reads what was modified since, whenever it began; not
// every environment has it.
//
// What it does not know: what a record means, which of two pages that show the same call is right, and
// whether the log is complete: RingCentral appends late and forgets after months.
//
// Facts about the API are from RingCentral's public API reference and developer guides,
// https://developers.ringcentral.com.
package ringcentral
