/** Longest text from elsewhere that one message quotes, in characters. */
const longest = 500

/**
 * Text from elsewhere for Slack's markup (X15): one line, and nothing in it a link, a mention or code. A backtick has no
 * escape there. Users and passwords in URLs are left out, whoever wrote them (X6).
 *
 * @see https://api.slack.com/reference/surfaces/formatting#escaping
 */
export const plain = (text: string): string => {
  const line = text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .replaceAll(/\/\/[^/\s@]*@/g, "//")
    .trim()
  const characters = Array.from(line)
  const quoted = characters.length > longest ? `${characters.slice(0, longest).join("")}…` : line
  return quoted.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("`", "'")
}

/** A name, set as code. */
export const code = (name: string): string => `\`${plain(name)}\``
