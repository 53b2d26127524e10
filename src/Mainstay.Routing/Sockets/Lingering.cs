using System.Buffers;
using System.Net.Sockets;

namespace Mainstay.Routing.Sockets;

/// <summary>
/// The end of a connection whose other side may still be sending. To close it at once would reset it, and the other side would lose the end
/// of what it was sent; to stop reading would leave a sender before a window that nobody opens again, who hears neither of an answer nor of the
/// end until the kernel forgets the connection (a minute, tcp_fin_timeout of tcp(7)). RFC 9112 section 9.6 asks for the same.
/// </summary>
internal static class Lingering
{
    private const int Size = 16 * 1024;

    /// <summary>How long what nobody wants is still taken; then the connection is reset.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>Drops what has come; if there was anything, also what still comes, until the other side ends or its time is up.</summary>
    /// <param name="socket">Nothing more will be sent on it, and nobody else receives.</param>
    /// <param name="clock">Bounds the time.</param>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="ObjectDisposedException">Its time was up.</exception>
    public static async ValueTask DropUnreadAsync(PolledSocket socket, TimeProvider clock)
    {
        if (socket.Socket.Available == 0)
            return;
        using var late = new CancellationTokenSource(Longest, clock);
        using var resetting = late.Token.UnsafeRegister(static s => ((PolledSocket)s!).Reset(), socket);
        var unread = ArrayPool<byte>.Shared.Rent(Size);
        try
        {
            socket.Wake();
            for (var count = 1; count != 0; count = socket.TryReceive(unread))
                if (count < 0)
                    await socket.WaitAsync();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(unread);
        }
    }
}
