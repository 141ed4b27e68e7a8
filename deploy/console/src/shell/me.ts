// Who is signed in.

import { useQuery } from "@tanstack/react-query";

import * as auth from "../api/auth";
import { Refused } from "../api/client";

/** Who is signed in, or `null`. */
export function useMe() {
  return useQuery({
    queryKey: ["me"],
    queryFn: async () => {
      try {
        return await auth.me();
      } catch (error) {
        if (error instanceof Refused && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Infinity,
  });
}
