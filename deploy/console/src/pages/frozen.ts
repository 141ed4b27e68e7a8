// A set that is acted on whole is the set that was seen.

/** The filters with an end: what died after the list was seen is not touched. */
export function frozen(filters: Record<string, string>, asOf: string): Record<string, string> {
  const before = filters.failed_before;
  return { ...filters, failed_before: before !== undefined && Date.parse(before) < Date.parse(asOf) ? before : asOf };
}
