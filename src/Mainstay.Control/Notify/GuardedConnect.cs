using System.Net;
using System.Net.Sockets;

namespace Mainstay.Control.Notify;

/// <summary>
/// Connects to an address that a person wrote, after its name is resolved: what a cloud's metadata service or the machine's own link
/// answers must not get out by a webhook (server-side request forgery). A name that resolves to something else a moment
/// later gains nothing, as the address that was judged is the one that is connected to.
/// </summary>
public static class GuardedConnect
{
    private static readonly IPNetwork[] Refused =
    [
        IPNetwork.Parse("0.0.0.0/8"), IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("224.0.0.0/3"),
        IPNetwork.Parse("100.100.100.200/32"), IPNetwork.Parse("168.63.129.16/32"), IPNetwork.Parse("192.0.0.192/32"),
        IPNetwork.Parse("::/128"), IPNetwork.Parse("fe80::/10"), IPNetwork.Parse("ff00::/8"),
        IPNetwork.Parse("fd00:ec2::254/128"), IPNetwork.Parse("fd20:ce::254/128"),
    ];

    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");

    /// <summary>Opens a connection.</summary>
    /// <param name="host">Name or address.</param>
    /// <param name="mayReachLinkLocal">True: no address is refused.</param>
    /// <exception cref="IOException">Every address of the host is refused.</exception>
    /// <exception cref="SocketException">The host is not known, or not reached.</exception>
    public static async ValueTask<Stream> OpenAsync(string host, int port, bool mayReachLinkLocal, CancellationToken cancel)
    {
        var addresses = IPAddress.TryParse(host.Trim('[', ']'), out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancel);
        var allowed = addresses.Where(a => mayReachLinkLocal || !IsRefused(a)).ToArray();
        if (allowed.Length == 0)
            throw new IOException($"{host} is {addresses.FirstOrDefault()}, an address of this machine's own link or of a cloud's metadata service, and not allowed (link_local: true allows it)");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, port, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>True for addresses that nobody outside has: link-local, unspecified, multicast, metadata services of clouds; also
    /// where IPv6 carries such an address of IPv4.</summary>
    public static bool IsRefused(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        else if (Nat64.Contains(address))
            address = new IPAddress(address.GetAddressBytes()[12..]);
        return Array.Exists(Refused, n => n.Contains(address));
    }
}
