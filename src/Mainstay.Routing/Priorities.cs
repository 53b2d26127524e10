using System.Security.Cryptography;
using System.Text;

namespace Mainstay.Routing;

/// <summary>How much a request matters, by what its service says of header fields.</summary>
internal static class Priorities
{
    /// <summary>The first rule that fits decides, then the service's own header, then what it says of all others.</summary>
    public static Priority Of(Exchange exchange, AdmissionPolicy policy)
    {
        foreach (var rule in policy.Rules)
            if (Fits(rule, exchange.FieldText(rule.Header)))
                return rule.Priority;
        return policy.Header is { } header && TryRead(exchange.FieldText(header).AsSpan().Trim()) is { } priority
            ? priority
            : policy.Otherwise;
    }

    private static Priority? TryRead(ReadOnlySpan<char> text) =>
        text.Equals("critical", StringComparison.OrdinalIgnoreCase) ? Priority.Critical
        : text.Equals("default", StringComparison.OrdinalIgnoreCase) ? Priority.Default
        : text.Equals("sheddable", StringComparison.OrdinalIgnoreCase) ? Priority.Sheddable
        : null;

    private static bool Fits(PriorityRule rule, string value) =>
        value.Length > 0
        && (rule.Value is { } wanted ? value == wanted
            : CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(value)), Convert.FromHexString(rule.Sha256!)));
}
