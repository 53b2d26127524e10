using Mainstay.Control.Config;

namespace Mainstay.Api;

/// <summary>Who came to the control listener. Public because Razor makes its components public.</summary>
/// <param name="Name">Stands in the journal with whatever they do.</param>
/// <param name="Scope">What their token may do.</param>
public sealed record Caller(string Name, TokenScope Scope)
{
    /// <summary>Each scope holds those before it.</summary>
    public bool May(TokenScope needed) => Scope >= needed;
}
