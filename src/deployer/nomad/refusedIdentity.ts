/**
 * What the Task API answers, with status 500, where it can not verify the token: before the call is handed to anybody
 * (`authMiddleware` in Nomad's `command/agent/http.go`; `nomad-api.md` §1.7).
 */
export const refusedIdentity = /^Server error authenticating request$/

/** Nomad's text, with what it means where that is not plain. */
export const explained = (text: string): string =>
  refusedIdentity.test(text)
    ? `${text}: the identity of this task has expired or ended with its allocation, or Nomad's servers do not answer`
    : text
