using System.Net.Sockets;

namespace Mainstay.Routing.Http1;

/// <summary>What the system knows of a caller's connection.</summary>
internal static class CallerSocket
{
    private const int Tcp = 6;
    private const int TcpInfo = 11;
    private const byte Established = 1;

    /// <summary>
    /// True if the caller has closed or reset its connection. The transport learns that only when it has read everything before
    /// it, and it stops reading while what it has read is not wanted. Linux alone tells (TCP_INFO, tcp(7)); elsewhere always false.
    /// </summary>
    public static bool HasClosed(Socket? socket)
    {
        if (socket is null || !OperatingSystem.IsLinux())
            return false;
        Span<byte> state = stackalloc byte[1];
        try
        {
            return socket.GetRawSocketOption(Tcp, TcpInfo, state) == 1 && state[0] != Established;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
        catch (SocketException)
        {
            // Not TCP: a Unix socket, say.
            return false;
        }
    }
}
