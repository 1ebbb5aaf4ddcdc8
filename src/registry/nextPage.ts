import { Result } from "effect"

/**
 * The next page that a listing's `Link` names (RFC 8288), null where it names none (X4). Only the query is
 * taken from it, as it is, for the cursor is opaque; scheme, host, port and path stay those that were asked.
 * So a proxy that writes another scheme, or a prefix before `/v2/` (Nexus), does no harm, and a link to
 * another host or repository is an error.
 *
 * @param asked - the listing's URL, `…/v2/<image>/tags/list`
 */
export const nextPage = (
  asked: URL,
  link: string | ReadonlyArray<string> | undefined
): Result.Result<URL | null, string> => {
  const target = nextTarget(typeof link === "string" ? link : (link ?? []).join(", "))
  if (target === undefined || target === "") return Result.succeed(null)
  const url = URL.parse(target, asked.href)
  if (url === null) return Result.fail("the next page's link is no URL")
  if (url.hostname !== asked.hostname) return Result.fail(`the next page is on another host, ${url.hostname}`)
  if (!url.pathname.endsWith(asked.pathname)) return Result.fail("the next page is of another repository")
  const next = new URL(asked)
  next.search = url.search
  return Result.succeed(next)
}

/** `<target>` and its parameters; commas and semicolons may stand in either. */
const linkValue = /<([^<>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)/g
const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))/i

const nextTarget = (header: string): string | undefined => {
  for (const [, target, params] of header.matchAll(linkValue)) {
    const [, quoted, bare] = relation.exec(params ?? "") ?? []
    if ((quoted ?? bare ?? "").toLowerCase().split(/\s+/).includes("next")) return target
  }
  return undefined
}
