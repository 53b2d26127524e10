namespace Mainstay.Routing;

/// <summary>What a request has in common with others, so that the server that had those lately may serve it from its cache.</summary>
/// <param name="Prefix">Hash of how its prompt begins; 0: nothing in common with anybody.</param>
/// <param name="Work">Tokens that it is thought to cost.</param>
internal readonly record struct Affinity(ulong Prefix, double Work)
{
    /// <summary>A server that is preferred may have so many times the load of the least loaded one, and one request more:
    /// Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (SODA 2018), with the least in place of the mean.</summary>
    public const double Bound = 1.25;

    /// <summary>How much a server is preferred, among others: rendezvous hashing (Thaler, Ravishankar 1998). A server that comes or goes moves
    /// no request between the others.</summary>
    /// <param name="server">Hash of its name.</param>
    public ulong Rendezvous(ulong server) => Mix(Prefix ^ server);

    /// <summary>Hash of bytes, one part after the other (FNV-1a, 64 bits); never 0 if mixed.</summary>
    /// <param name="hash">Of the parts before; <see cref="Empty"/>: there are none.</param>
    /// <param name="text">The next part.</param>
    public static ulong Add(ulong hash, ReadOnlySpan<byte> text)
    {
        foreach (var b in text)
            hash = (hash ^ b) * 0x100000001B3;
        return hash;
    }

    public const ulong Empty = 0xCBF29CE484222325;

    /// <summary>Hash of a server's name.</summary>
    public static ulong OfServer(string name)
    {
        var hash = Empty;
        foreach (var c in name)
            hash = (hash ^ c) * 0x100000001B3;
        return Mix(hash);
    }

    /// <summary>splitmix64.</summary>
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
