/** Nanoseconds as Go and Nomad's job files write them, without parts that are zero: `5m`, `1m30s`, `250ms`. */
export const goDuration = (nanos: number): string => {
  const millis = Math.round(nanos / 1e6)
  if (millis < 1_000) return `${millis}ms`
  const seconds = Math.round(millis / 1_000)
  const parts = [
    [Math.floor(seconds / 3_600), "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"]
  ] as const
  return parts.map(([count, unit]) => (count === 0 ? "" : `${count}${unit}`)).join("")
}
