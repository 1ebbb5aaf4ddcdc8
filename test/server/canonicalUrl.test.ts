import { assert, describe, it } from "@effect/vitest"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { canonicalUrl } from "../../src/server/canonicalUrl.ts"

describe("canonicalUrl", () => {
  it.each([
    ["leaves a path as it is", "GET", "/repos", "/repos"],
    ["drops the slash at the end", "GET", "/ping/", "/ping"],
    ["keeps the query", "GET", "/repos/?a=/b/", "/repos?a=/b/"],
    ["drops a fragment", "GET", "/repos#x", "/repos"],
    ["has a root", "GET", "/", "/"],
    ["puts a nested name in one segment", "GET", "/tags/team/api", "/tags/team%2Fapi"],
    ["takes it percent-encoded as well", "GET", "/tags/team%2Fapi/", "/tags/team%2Fapi"],
    ["decodes once and no more", "GET", "/tags/team%252Fapi", "/tags/team%252Fapi"],
    ["knows the verb of a POST", "POST", "/tags/team/api/reset/", "/tags/team%2Fapi/reset"],
    ["has no verbs in a GET", "GET", "/tags/team/reset", "/tags/team%2Freset"],
    ["has no verb that is percent-encoded", "POST", "/tags/team%2Freset", "/tags/team%2Freset"],
    ["takes malformed encoding for a name that nobody watches", "GET", "/tags/%zz", "/tags/%25zz"],
    ["names nothing with a dot segment", "GET", "/tags/../repos", "/tags/..%2Frepos"],
    ["has no name in the bare folder", "GET", "/tags/", "/tags"]
  ])("%s", (_, method, url, canonical) => assert.strictEqual(canonicalUrl(method, url), canonical))

  it.prop("finds every repository under both spellings", [RepositoryName], ([name]) => {
    const segment = `/tags/${encodeURIComponent(name)}`
    return canonicalUrl("GET", `/tags/${name}`) === segment && canonicalUrl("GET", `${segment}/`) === segment
  })
})
