namespace Mainstay.Routing;

/// <summary>What RFC 9110 section 9.2 says of methods.</summary>
internal static class HttpMethods
{
    /// <summary>True if sending the request twice has the effect of sending it once.</summary>
    public static bool IsIdempotent(string method) =>
        method is "GET" or "HEAD" or "OPTIONS" or "TRACE" or "PUT" or "DELETE";

    /// <summary>True if a request of this method says the length of its body even if it has none (RFC 9110 section 8.6).</summary>
    public static bool HasBody(string method) => method is "POST" or "PUT" or "PATCH";
}
