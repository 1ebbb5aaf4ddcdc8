/**
 * A request's path and query as the routes know them: no slash at the end, and the name of a repository, slashes
 * and all, in one segment (`/tags/team/api/reset` is `/tags/team%2Fapi/reset`). The last `/reset` of a POST is
 * the verb; a repository that is named so is reached by `%2Freset`.
 */
export const canonicalUrl = (method: string, url: string): string => {
  const [, path = "", query = ""] = /^([^?#]*)(\?[^#]*)?/.exec(url) ?? []
  const bare = path.replace(/\/+$/, "")
  if (!bare.startsWith("/tags/")) return `${bare === "" ? "/" : bare}${query}`
  const rest = bare.slice("/tags/".length)
  const verb = method === "POST" && rest.endsWith("/reset") ? "/reset" : ""
  return `/tags/${oneSegment(rest.slice(0, rest.length - verb.length))}${verb}${query}`
}

const oneSegment = (name: string): string => {
  try {
    return encodeURIComponent(decodeURIComponent(name))
  } catch {
    // Malformed percent-encoding names no repository; encoded once more it stays such.
    return encodeURIComponent(name)
  }
}
