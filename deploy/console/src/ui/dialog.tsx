// Dialogs over the page.

import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";

import css from "./ui.module.css";

interface Props {
  title: string;
  onClose: () => void;
  /** An alert: it asks before something is done. */
  alert?: boolean;
  children: ReactNode;
}

/** A dialog: the focus stays in it, Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, alert, children }: Props) {
  return (
    <ModalOverlay isOpen onOpenChange={(open) => !open && onClose()} className={css.overlay!}>
      <Modal className={css.modal!}>
        <AriaDialog role={alert ? "alertdialog" : "dialog"}>
          <Heading slot="title" level={2}>
            {title}
          </Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
